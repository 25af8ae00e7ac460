"""What happened in closed loop: success, returns, reasons of failure, seeds, prompts and clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bydemo.core.errors import InputError
from bydemo.report.charts import COLOURS, Bar, bar_chart
from bydemo.report.frame import WIDTH, chart_figure, drawing
from bydemo.report.images import clip
from bydemo.report.page import (
    Cell,
    Section,
    code_block,
    folded,
    heading,
    paragraph,
    row_of,
    table,
)
from bydemo.report.rates import bounds, outcomes, rate_bar
from bydemo.report.reading import Run, nested
from bydemo.report.return_charts import return_charts, return_table
from bydemo.report.returns import outcome_text
from bydemo.report.svg import DASH, element, is_number, percent, sentence, spoken

SQUARES = 25
"""Seeds in one row of the outcome grid."""


def rollout_section(runs: Sequence[Run]) -> Section | None:
    """Closed-loop results, one block a task."""
    labels = {label: None for run in runs for label in run.tasks}
    if not labels:
        return None
    bodies = [_task(runs, label) for label in labels]
    lead = "The policy acts on its own from start positions that it was not trained on. Whiskers "
    lead += "are 95\u00a0% intervals (of success rates Wilson's, of returns by bootstrap over the "
    lead += "episodes); the same seed is the same start for every actor."
    return Section(title="Closed loop", lead=lead, body=Markup("").join(bodies))


def clips_section(runs: Sequence[Run]) -> Section | None:
    """Recorded rollouts inside the page."""
    parts: list[Markup] = []
    for run in runs:
        for label in run.tasks:
            shown = _clips(run, label)
            if shown:
                name = spoken(label)
                title = f"{run.name}: {name}" if len(runs) > 1 else sentence(name)
                parts.append(heading(title) + element("div", *shown, class_="clips"))
    if not parts:
        return None
    return Section(title="Clips", body=Markup("").join(parts))


def _task(runs: Sequence[Run], label: str) -> Markup:
    judged = [run for run in runs if label in run.tasks]
    block = judged[0].block("rollouts", label)
    reasons = [_reasons(run, runs, label) for run in judged]
    grids = [_grid(run, runs, label) for run in judged]
    earned = return_charts(judged, runs, label)
    charts = [c for c in (*earned, _rates(judged, runs, label), *reasons, *grids) if c]
    settings = json.dumps({"task": block.get("task"), **nested(block, "task_config")}, indent=2)
    return (
        heading(sentence(spoken(label)))
        + row_of(*charts)
        + return_table(judged, runs, label)
        + Markup("").join(paragraph(str(note)) for note in block.get("notes") or [])
        + _instructions(judged, label)
        + folded("Task settings", code_block(settings))
    )


def _rates(judged: Sequence[Run], runs: Sequence[Run], label: str) -> Markup:
    bars: list[Bar | None] = []
    references: dict[str, Mapping[str, Any]] = {}
    for run in judged:
        name = run.name if len(runs) > 1 else "policy"
        colour = list(runs).index(run)
        bars.append(rate_bar(name, run.block("rollouts", label), colour=colour))
        for actor, block in run.block("rollouts", label, "references").items():
            if isinstance(block, Mapping):
                references.setdefault(actor, block)
    bars += [rate_bar(actor, block, quiet=True) for actor, block in references.items()]
    known = [bar for bar in bars if bar]
    return bar_chart(known, title="Success rate", percent=True) if known else Markup("")


def _reasons(run: Run, runs: Sequence[Run], label: str) -> Markup:
    block = run.block("rollouts", label)
    counts, n = nested(block, "reasons"), block.get("n")
    if not is_number(block.get("rate")) and not is_number(block.get("successes")):
        return Markup("")
    failed = {str(k): v for k, v in counts.items() if is_number(v) and v and k != "success"}
    if not failed or not isinstance(n, int) or n == 0:
        return Markup("")
    bars = [
        Bar(name=f"{reason}, {count:.0f} of {n}", value=count / n, colour=list(runs).index(run))
        for reason, count in sorted(failed.items(), key=lambda item: -item[1])
    ]
    title = f"Why it failed: {run.name}" if len(runs) > 1 else "Why it failed"
    return bar_chart(bars, title=title, percent=True, note="Shares of all rollouts.")


def _grid(run: Run, runs: Sequence[Run], label: str) -> Markup:
    """One square a seed, in the order of the seeds."""
    found = outcomes(run.block("rollouts", label))
    if not found:
        return Markup("")
    side, won = WIDTH / SQUARES, f"won c{list(runs).index(run) % COLOURS}"
    squares = []
    for number, (seed, success) in enumerate(sorted(found.items())):
        row, column = divmod(number, SQUARES)
        said = element("title", f"seed {seed}: {'success' if success else 'failure'}")
        squares.append(
            element(
                "rect", said, x=column * side + 1, y=row * side + 1, width=side - 2,
                height=side - 2, rx=2, class_=won if success else "lost",
            )
        )  # fmt: skip
    rows = -(-len(found) // SQUARES)
    title = f"Seeds: {run.name}" if len(runs) > 1 else "Seeds"
    first, last = min(found), max(found)
    note = f"One square a seed, {first} to {last}: filled is success."
    return chart_figure(title, drawing(rows * side, title, *squares), note=note)


def _instructions(judged: Sequence[Run], label: str) -> Markup:
    """Success by instruction, and by the words that tell instructions apart."""
    tables = [
        folded(title, _by(judged, label, key))
        for key, title in (("by_instruction", "By instruction"), ("by_word", "By word"))
        if any(run.block("rollouts", label).get(key) for run in judged)
    ]
    return Markup("").join(tables)


def _by(judged: Sequence[Run], label: str, key: str) -> Markup:
    found = [
        {str(row.get("value")): row for row in run.block("rollouts", label).get(key) or []}
        for run in judged
    ]
    values = {value: None for known in found for value in known}
    rows = [[value, *(_won(known.get(value)) for known in found)] for value in values]
    return table(["", *(run.name for run in judged)], rows)


def _won(block: Mapping[str, Any] | None) -> Cell:
    """Successes of n, and the interval below."""
    if block is None:
        return DASH
    said = element("span", f"{block.get('successes')} of {block.get('n')}")
    found = bounds(block)
    if found is None:
        return said
    return said + element("span", f"{100 * found[0]:.0f} to {percent(found[1])}", class_="range")


def _clips(run: Run, label: str) -> list[Markup]:
    block = run.block("rollouts", label)
    episodes = {e.get("seed"): e for e in block.get("episodes") or [] if isinstance(e, Mapping)}
    out = []
    for entry in block.get("clips") or []:
        known = entry if isinstance(entry, Mapping) else {"path": entry}
        path = Path(str(known.get("path", "")))
        # A results file may come from elsewhere: it must not pull other files into the page.
        if path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"the clip '{path}' lies outside the run", path=run.path / "results.json"
            )
        episode = {**episodes.get(known.get("seed", _seed_in(path)), {}), **known}
        out.append(clip(run.path / path, _caption(episode, path), outcome=_outcome(episode)))
    return out


def _seed_in(path: Path) -> int | None:
    """The seed in a clip's name, its last run of digits."""
    digits = "".join(c if c.isdigit() else " " for c in path.stem).split()
    return int(digits[-1]) if digits else None


def _outcome(episode: Mapping[str, Any]) -> str:
    success = episode.get("success")
    return "" if success is None else "success" if success else "failure"


def _caption(episode: Mapping[str, Any], path: Path) -> str:
    said = [str(episode.get("instruction") or path.stem)]
    ended = outcome_text(episode)
    if ended:
        said.append(f"{ended} after {episode['steps']} steps" if "steps" in episode else ended)
    if "seed" in episode:
        said.append(f"seed {episode['seed']}")
    return "; ".join(said)
