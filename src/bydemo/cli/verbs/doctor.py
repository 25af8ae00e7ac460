"""Check that this machine has all that is needed, and say how to cure what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bydemo.cli.console import note, output, say, show_table
from bydemo.cli.parsing import parse


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Check Python, packages, torch, off-screen GL, video encoder, disk and cores."""


def run(words: Sequence[str]) -> int:
    """Print a table; 0 if all is well, otherwise 2 after the cures."""
    parse(Arguments, words, verb="doctor")
    from bydemo.studies.doctor import examine

    note("Checking; drawing a test picture takes a few seconds.")
    checks = list(examine())
    rows = [["ok" if check.well else "NO", check.name, check.found] for check in checks]
    show_table("", ["", "what", "found"], rows)
    failing = [check for check in checks if not check.well]
    if not failing:
        output().print("[green]All is well.[/]")
        return 0
    for check in failing:
        say(f"{check.name}: {check.cure}")
    return 2
