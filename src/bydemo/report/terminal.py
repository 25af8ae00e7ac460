"""The inspection of a dataset as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bydemo.report.inspection_words import (
    amount,
    component,
    counted,
    duration,
    percent,
    remarks,
    spread,
)
from bydemo.report.measures import measures_in
from bydemo.report.reading import figure_in
from bydemo.report.svg import DASH, figure

_STYLES = {"problem": "bold red", "warning": "yellow", "note": "dim"}
_SHOWN = ("r2", "rmse", "accuracy", "macro_f1", "event_f1")


def print_inspection(facts: Mapping[str, Any], console: Console) -> None:
    """Print everything that fits a terminal: findings, values, classes, baselines, cameras."""
    for part in (
        _head(facts),
        _values(facts),
        _labels(facts),
        _baselines(facts.get("predictability")),
        _cameras(facts),
        _jaco(facts),
        _findings(facts),
    ):
        if part is not None:
            console.print(part)


def _head(facts: Mapping[str, Any]) -> RenderableType:
    dataset, episodes = facts["dataset"], facts["episodes"]
    length, clock, idle = episodes["length"], episodes["clock"], facts["motion"]["idle_commands"]
    lines = [
        f"{counted(dataset['episodes'], 'episode')}, {amount(dataset['steps'])} steps, "
        f"{duration(dataset['seconds'])} at {dataset['control_rate']:g} Hz",
        f"length {length['low']} to {length['high']}, mean {length['mean']:.1f} ± "
        f"{length['std']:.1f}",
        "split "
        + (
            ", ".join(f"{n} {p['episodes']}" for n, p in dataset["split"]["parts"].items())
            or "none"
        )
        + f" ({dataset['split']['kind']})",
        f"{counted(episodes['instructions']['distinct'], 'instruction')}: "
        + "; ".join(repr(t["text"]) for t in episodes["instructions"]["listed"][:3]),
    ]
    if clock:
        lines.append(
            f"clock {clock['low']:.3f} to {clock['high']:.3f} s between steps, "
            f"median {clock['median']:.3f} s"
        )
    if idle:
        lines.append(
            f"idle commands {percent(idle['share'])}, exactly zero {percent(idle['exactly_zero'])}"
        )
    return Panel("\n".join(map(escape, lines)), title=escape(dataset["name"]), expand=False)


def _values(facts: Mapping[str, Any]) -> RenderableType:
    table = _table("Values", "component", "mean", "std", "lowest", "highest")
    table.add_column("remarks", style="yellow", overflow="fold")
    for value in facts["values"]:
        if not value["array"].startswith("annotation."):
            table.add_row(escape(component(value)), *spread(value), remarks(value))
    return table


def _labels(facts: Mapping[str, Any]) -> RenderableType | None:
    labels = [label for label in facts["labels"] if label["array"] == "action"]
    if not labels:
        return None
    table = _table("Classes", "label", "class", "steps", "share", "changes an episode")
    for label in labels:
        for name, count, share in zip(
            label["classes"], label["counts"], label["shares"], strict=True
        ):
            rate = f"{label['changes_an_episode']:.2f}"
            table.add_row(label["part"], name, amount(count), percent(share), rate)
    return table


def _baselines(found: Mapping[str, Any] | None) -> RenderableType | None:
    if not found:
        return None
    candidates = found["candidates"]
    kinds = [k for k in measures_in(candidates.values()) if k.key.partition(".")[2] in _SHOWN]
    title = f"What needs no learning, on {found['held_out']}: {found['episodes']} episodes"
    table = _table(title, "", *(k.title for k in kinds))
    for name, block in candidates.items():
        seen = "" if name in found["history_free"] else " *"
        cells = []
        for kind in kinds:
            value = figure_in(block, kind.key)
            cells.append(DASH if value is None else kind.write(value.value))
        table.add_row(f"{name}{seen}", *cells)
    return Group(table, Text("* looks at the previous action", style="dim"))


def _cameras(facts: Mapping[str, Any]) -> RenderableType | None:
    if not facts["cameras"]:
        return None
    table = _table("Cameras", "camera", "pixels", "grey mean", "grey std", "stalled",
                   "also in training", "held-out frames seen")  # fmt: skip
    for c in facts["cameras"]:
        table.add_row(
            c["camera"], f"{c['width']}x{c['height']}", f"{c['grey_mean']:.3f}",
            f"{c['grey_std']:.3f}", percent(c["stalled_share"]),
            amount(c["repeated_across_splits"]),
            percent(c["near"]["nearer_than_a_step"]) if c["near"] else DASH,
        )  # fmt: skip
    return table


def _jaco(facts: Mapping[str, Any]) -> RenderableType | None:
    if not facts.get("jaco_play"):
        return None
    table = _table("Beside the real Jaco Play", "figure", "", "published", "here")
    for row in facts["jaco_play"]["figures"]:
        table.add_row(
            row["quantity"], row["component"], figure(row["published"]), figure(row["measured"])
        )
    return table


def _findings(facts: Mapping[str, Any]) -> RenderableType:
    if not facts["findings"]:
        return Text("Nothing suspicious was found.", style="green")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for found in facts["findings"]:
        table.add_row(Text(found["level"], style=_STYLES[found["level"]]), Text(found["text"]))
    return Panel(table, title="What to mind", expand=False)


def _table(title: str, first: str, *figures: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column(first)
    for name in figures:
        table.add_column(name, justify="right")
    return table
