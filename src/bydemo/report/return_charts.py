"""The spread of returns over episodes: every actor on one axis, and the gap to the expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Strip, strip_chart
from bydemo.report.page import Cell, table
from bydemo.report.reading import Run, nested
from bydemo.report.returns import (
    gap_strip,
    judged_by_return,
    mean_text,
    return_strip,
    with_interval,
)
from bydemo.report.svg import DASH, element, figure, is_number

EXPERT = "expert"
RULE = "One dot an episode; the diamond is the mean with its 95\u00a0% interval."


def return_charts(judged: Sequence[Run], runs: Sequence[Run], label: str) -> list[Markup]:
    """Nothing where the task is judged by success."""
    if not any(judged_by_return(run.block("rollouts", label)) for run in judged):
        return []
    references = _references(judged, label)
    policies = [
        return_strip(_name(run, runs), run.block("rollouts", label), colour=list(runs).index(run))
        for run in judged
    ]
    others = {n: return_strip(n, block, quiet=True) for n, block in references.items()}
    everyone = [replace(strip, note="") for strip in (*policies, *others.values())]
    out = [strip_chart(everyone, title="Return", note=RULE)]
    if EXPERT in references and len(others) > 1:
        # Random actions lie so far off that they would hide what matters.
        near = [*policies, others[EXPERT]]
        out.append(strip_chart(near, title="Return beside the expert's", note=RULE))
    gaps = _gaps(judged, runs, label)
    if gaps:
        note = "One dot a seed: left of nought the expert earns more from the same start."
        title = "Policy minus expert, seed by seed"
        out.append(strip_chart(gaps, title=title, zero=True, note=note))
    return out


def return_table(judged: Sequence[Run], runs: Sequence[Run], label: str) -> Markup:
    """The same in figures; nothing where the task is judged by success."""
    if not any(judged_by_return(run.block("rollouts", label)) for run in judged):
        return Markup("")
    blocks = {_name(run, runs): run.block("rollouts", label) for run in judged}
    blocks |= _references(judged, label)
    alone = len(judged) == 1
    heads = ["", "mean \u00b1 standard error", "95\u00a0% interval", "median", "worst", "n"]
    rows: list[list[Cell]] = []
    for name, block in blocks.items():
        found = nested(block, "return")
        ends = {"value": found.get("mean"), "low": found.get("low"), "high": found.get("high")}
        worst, seed = found.get("worst"), found.get("worst_seed")
        at_seed = f"{figure(worst)}, seed {seed}" if is_number(worst) else DASH
        median = found.get("median")
        row: list[Cell] = [name, mean_text(found), with_interval(ends)[1] or DASH,
               figure(median if is_number(median) else None), at_seed,
               str(found.get("n", DASH))]  # fmt: skip
        rows.append([*row, _apart(block)] if alone else row)
    return table([*heads, *(["policy minus this"] if alone else [])], rows)


def _apart(reference: Mapping[str, Any]) -> Cell:
    """The policy's return minus this one's on the same seeds, its interval below."""
    found = nested(reference, "policy_minus_this_return")
    value, spread = with_interval(found)
    if not is_number(found.get("value")):
        return ""
    return element("span", value) + element("span", spread, class_="range")


def _name(run: Run, runs: Sequence[Run]) -> str:
    return run.name if len(runs) > 1 else "policy"


def _references(judged: Sequence[Run], label: str) -> dict[str, Mapping[str, Any]]:
    """Each reference once, the best first."""
    found: dict[str, Mapping[str, Any]] = {}
    for run in judged:
        for name, block in run.block("rollouts", label, "references").items():
            if nested(block, "return"):
                found.setdefault(name, block)

    def mean(name: str) -> float:
        value = nested(found[name], "return").get("mean")
        return float(value) if is_number(value) else float("-inf")

    return {name: found[name] for name in sorted(found, key=mean, reverse=True)}


def _gaps(judged: Sequence[Run], runs: Sequence[Run], label: str) -> list[Strip]:
    strips = []
    for run in judged:
        block = run.block("rollouts", label)
        expert = nested(block, "references", EXPERT)
        if nested(expert, "policy_minus_this_return"):
            number = list(runs).index(run)
            strips.append(gap_strip(_name(run, runs), block, expert, colour=number))
    return strips
