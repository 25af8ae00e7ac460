"""Inspect a dataset before training on it, in the terminal and as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bydemo.cli.console import output, progress, say
from bydemo.cli.parsing import Positional, parse


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Inspect a dataset before training on it, in the terminal and as an HTML page.

    dataset: folder of the dataset.
    output: page to write, with the figures as JSON beside it; inspection.html in the dataset's
    folder unless given.
    verify: also compare every file with its checksum.
    """

    dataset: Positional[Path]
    output: Path | None = None
    verify: bool = False


def run(words: Sequence[str]) -> int:
    """Look at everything once, print, write."""
    given = parse(Arguments, words, verb="inspect")
    from bydemo.data.integrity import require_intact
    from bydemo.data.source import Dataset
    from bydemo.evaluation.inspection import inspect_dataset
    from bydemo.report.inspection_page import inspection_page
    from bydemo.report.page import write_page
    from bydemo.report.terminal import print_inspection

    dataset = Dataset.open(given.dataset)
    if given.verify:
        require_intact(dataset)
    with progress(f"inspecting {given.dataset.name}", "frames") as update:
        found = inspect_dataset(dataset, update)
    print_inspection(found.facts, output())
    destination = given.output or given.dataset / "inspection.html"
    write_page(destination, inspection_page(found.facts, found.strips))
    found.save(destination.with_suffix(".json"))
    say(f"{destination} shows this with pictures and charts.")
    return 0
