"""List what can be named: formats, tasks, models, recipes, studies and exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bydemo.cli import catalogue
from bydemo.cli.console import show_table
from bydemo.cli.parsing import Positional, parse
from bydemo.core.errors import UnknownNameError

KINDS: Mapping[str, Callable[[], dict[str, str]]] = {
    "formats": catalogue.formats,
    "tasks": catalogue.tasks,
    "models": catalogue.models,
    "recipes": catalogue.recipes,
    "studies": catalogue.studies,
    "exports": catalogue.exports,
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """List what can be named: formats, tasks, models, recipes, studies and exports."""

    kind: Positional[str] = "all"
    """formats, tasks, models, recipes, studies, exports, or all."""


def run(words: Sequence[str]) -> int:
    """Print one table a kind."""
    arguments = parse(Arguments, words, verb="list")
    if arguments.kind not in (*KINDS, "all"):
        raise UnknownNameError("kind of thing", arguments.kind, [*KINDS, "all"])
    for kind, found in KINDS.items():
        if arguments.kind in (kind, "all"):
            rows = [[name, text] for name, text in found().items()]
            show_table(kind.capitalize(), ["name", "what it is"], rows)
    return 0
