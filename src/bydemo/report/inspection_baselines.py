"""The section of an inspection page on what needs no learning: trivial baselines' figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Bar, bar_chart
from bydemo.report.measures import Measure, measures_in
from bydemo.report.page import Cell, Section, heading, paragraph, row_of, table
from bydemo.report.reading import figure_in
from bydemo.report.svg import DASH, element

CHARTS = ("r2", "accuracy", "macro_f1", "event_f1")

LEAD = (
    "How well the actions of held-out episodes are predicted without learning anything worth the "
    "name, with 95 % intervals (bootstrap over episodes). A policy has to beat those that do not "
    "look at the previous action."
)


def baseline_section(found: Mapping[str, Any] | None) -> Section | None:
    """Charts and a table of the baselines; None where nothing could be held out."""
    if not found:
        return None
    candidates: Mapping[str, Mapping[str, Any]] = found["candidates"]
    blind = set(found["history_free"])
    kinds = measures_in(candidates.values())
    size = (
        f"Fitted on {found['train_episodes']} episodes, judged on {found['episodes']} episodes "
        f"({found['steps']:,} steps): {found['held_out']}."
    )
    charts = [
        _bars(kind, candidates, blind) for kind in kinds if kind.key.partition(".")[2] in CHARTS
    ]
    names = list(candidates)
    rows = [[kind.title, *(_cell(kind, candidates[n]) for n in names)] for kind in kinds]
    remark = (
        "Copying the previous action finds every change one step late, so it is given here for "
        "scale only: its changes found exactly are none."
    )
    return Section(
        title="What needs no learning",
        lead=LEAD,
        body=paragraph(size)
        + row_of(*charts)
        + _events(candidates)
        + heading("All figures")
        + table(["", *names], rows)
        + paragraph(remark, style="note"),
    )


def _bars(kind: Measure, candidates: Mapping[str, Mapping[str, Any]], blind: set[str]) -> Markup:
    bars = []
    for name, block in candidates.items():
        found = figure_in(block, kind.key)
        if found is None:
            continue
        low, high = found.interval or (None, None)
        note = "" if name in blind else "looks at the previous action"
        bars.append(
            Bar(name=name, value=found.value, low=low, high=high, quiet=bool(note), note=note)
        )
    return bar_chart(bars, title=kind.title, percent=kind.percent, note=kind.meaning.capitalize())


def _events(candidates: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Changes of each label that each candidate finds, within 3 steps and at the very step."""
    rows: list[list[Cell]] = []
    for name, block in candidates.items():
        for key, found in block.items():
            part, _, kind = key.partition(".")
            if kind == "event_f1" and isinstance(found, Mapping) and "there" in found:
                exact = figure_in(block, f"{part}.event_exact")
                at_once = DASH if exact is None else str(round(exact.value * found["there"]))
                rows.append([
                    f"{part.replace('_', ' ')}: {name}", str(found["there"]),
                    str(found["predicted"]), str(found["found"]), at_once,
                ])  # fmt: skip
    if not rows:
        return Markup("")
    heads = ["changes of", "there are", "predicted", "found within 3 steps", "right at once"]
    return heading("Changes found") + table(heads, rows)


def _cell(kind: Measure, block: Mapping[str, Any]) -> Cell:
    found = figure_in(block, kind.key)
    if found is None:
        return DASH
    return element("span", kind.write(found.value)) + element(
        "span", kind.write_range(found), class_="range"
    )
