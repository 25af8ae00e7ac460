"""Write one HTML page about a run, about several side by side, or about a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bydemo.cli.console import say
from bydemo.cli.parsing import Positional, parse
from bydemo.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Write one HTML page about a run, about several side by side, or about a study.

    It opens offline. Of a study, each run behind it gets its own page too.
    """

    runs: Positional[tuple[Path, ...]]
    """Run folders, of which the first one is compared with each other one; or one study folder."""
    output: Path | None = None
    """File to write; report.html in the first folder unless given."""


def run(words: Sequence[str]) -> int:
    """Read the folders and write the page."""
    arguments = parse(Arguments, words, verb="report")
    if not arguments.runs:
        raise InputError("a report needs at least one run folder", field="runs")
    folders = list(arguments.runs)
    destination = arguments.output or folders[0] / "report.html"
    write(folders, destination)
    say(f"{destination} ({destination.stat().st_size / 1e6:.1f} MB) opens in any browser.")
    return 0


def write(folders: Sequence[Path], destination: Path) -> None:
    """The page of a study, or of runs."""
    from bydemo.report.run_report import write_report
    from bydemo.report.study_page import write_study_page
    from bydemo.report.study_reading import is_study
    from bydemo.studies.comparison import compare_runs

    studies = [folder for folder in folders if is_study(folder)]
    if studies and len(folders) > 1:
        raise InputError("is a study: it stands on its page alone", path=studies[0], field="runs")
    if studies:
        write_study_page(studies[0], destination)
        return
    comparisons = compare_runs(folders) if len(folders) > 1 else ()
    write_report(folders, destination, comparisons=comparisons)
