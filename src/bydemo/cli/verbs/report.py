"""Write one HTML page about a run, or about several side by side; it opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bydemo.cli.console import say
from bydemo.cli.parsing import Positional, parse
from bydemo.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Write one HTML page about a run, or about several side by side; it opens offline."""

    runs: Positional[tuple[Path, ...]]
    """Run folders; the first one is compared with each other one."""
    output: Path | None = None
    """File to write; report.html in the first run folder unless given."""


def run(words: Sequence[str]) -> int:
    """Read the run folders and write the page."""
    arguments = parse(Arguments, words, verb="report")
    if not arguments.runs:
        raise InputError("a report needs at least one run folder", field="runs")
    from bydemo.report.run_report import write_report
    from bydemo.studies.comparison import compare_runs

    folders = list(arguments.runs)
    destination = arguments.output or folders[0] / "report.html"
    comparisons = compare_runs(folders) if len(folders) > 1 else ()
    write_report(folders, destination, comparisons=comparisons)
    say(f"{destination} ({destination.stat().st_size / 1e6:.1f} MB) opens in any browser.")
    return 0
