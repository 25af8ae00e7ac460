"""How well the actions of held-out episodes are predicted, beside trivial baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Bar, bar_chart, confusion_matrix
from bydemo.report.measures import Measure, measures_in
from bydemo.report.page import Cell, Section, folded, heading, paragraph, row_of, table
from bydemo.report.reading import POLICY, Figure, Run, nested
from bydemo.report.standing import history_free, main_split, standing
from bydemo.report.svg import DASH, element, sentence

LEAD = (
    "Each figure stands with its 95\u00a0% interval (bootstrap over episodes) beside baselines "
    "that need no learning or almost none. Offline figures say how well single actions are "
    "predicted, not how often the goal is reached."
)


def offline_sections(runs: Sequence[Run]) -> list[Section]:
    """A section a split, the one that the verdict speaks of first and the others folded.

    Runs that were judged on other data stand in tables of their own.
    """
    main = next((split for split in map(main_split, runs) if split), None)
    splits = dict.fromkeys([*([main] if main else []), *(s for run in runs for s in run.splits)])
    out = []
    for split in splits:
        groups = _comparable([run for run in runs if run.candidates(split)], split)
        if not groups:
            continue
        body = Markup("").join(_group(group, runs, split) for group in groups)
        if len(groups) > 1:
            warning = "These runs were judged on different data: compare within a table only."
            body = paragraph(warning, style="unclear") + body
        title = f"Offline, {split} split"
        if split == main:
            out.append(Section(title=title, lead=LEAD, body=body))
        else:
            out.append(Section(title=title, body=folded("Show the figures", body)))
    return out


def _comparable(runs: Sequence[Run], split: str) -> list[list[Run]]:
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        block = run.block("offline", split)
        key = (*run.data_identity, block.get("episodes"), block.get("steps"))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _group(group: Sequence[Run], runs: Sequence[Run], split: str) -> Markup:
    block = group[0].block("offline", split)
    size = f"{block.get('episodes', '?')} episodes, {_grouped(block.get('steps'))} steps."
    columns = _columns(group, split)
    kinds = measures_in(nested(run.candidates(split), name) for _, run, name in columns)
    charts = [
        _bars(kind, columns, runs, split) for kind in kinds if kind.in_headline
    ]  # fmt: skip
    main = [k for k in kinds if not k.key.partition(".")[2].startswith(("recall.", "precision."))]
    parts = [
        paragraph(size),
        row_of(*charts),
        heading("All figures"),
        _figures(main, columns, group, split),
        _recalls([k for k in kinds if k not in main], columns, group, split),
        _confusions(columns, split, classes_of(kinds)),
    ]
    return Markup("").join(parts)


def _grouped(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


Column = tuple[str, Run, str]
"""What the column is headed, the run whose results hold it, and the candidate's name there."""


def _columns(group: Sequence[Run], split: str) -> list[Column]:
    """Every run's policy, then the baselines; equal ones of several runs appear once."""
    columns: list[Column] = []
    for run in group:
        if POLICY in run.candidates(split):
            columns.append((run.name if len(group) > 1 else POLICY, run, POLICY))
    first: dict[str, Run] = {}
    for run in group:
        for name in run.candidates(split):
            if name == POLICY:
                continue
            kept = first.setdefault(name, run)
            block = nested(run.candidates(split), name)
            if kept is run or block != nested(kept.candidates(split), name):
                headed = name if kept is run else f"{name} ({run.name})"
                columns.append((headed, run, name))
    return columns


def _bars(kind: Measure, columns: Sequence[Column], runs: Sequence[Run], split: str) -> Markup:
    bars = []
    for headed, run, name in columns:
        found = run.figure(split, name, kind.key)
        if found is None and name != POLICY:
            continue
        value, (low, high) = None, (None, None)
        if found is not None:
            value, (low, high) = found.value, found.interval or (None, None)
        seen = name == POLICY or name in history_free(run, split)
        bars.append(
            Bar(
                name=headed, value=value, low=low, high=high, quiet=name != POLICY,
                colour=list(runs).index(run),
                note="" if seen else "looks at the previous action",
            )
        )  # fmt: skip
    better = {True: "Higher is better.", False: "Lower is better.", None: ""}
    note = f"{better[kind.higher_is_better]} {sentence(kind.meaning)}".strip()
    return bar_chart(bars, title=kind.heading, percent=kind.percent, note=note)


def _figures(
    kinds: Sequence[Measure], columns: Sequence[Column], group: Sequence[Run], split: str,
    *, verdicts: bool = True,
) -> Markup:  # fmt: skip
    alone = verdicts and len(group) == 1
    heads: list[Cell] = ["", *(headed for headed, _, _ in columns)]
    rows: list[list[Cell]] = []
    for kind in kinds:
        row: list[Cell] = [kind.heading]
        row += [_cell(kind, run.figure(split, name, kind.key)) for _, run, name in columns]
        if alone:
            row.insert(2, _against_baseline(kind, group[0], split))
        rows.append(row)
    if alone:
        heads.insert(2, "against the best baseline")
    return table(heads, rows)


def _cell(kind: Measure, found: Figure | None) -> Cell:
    if found is None:
        return DASH
    return element("span", kind.write(found.value)) + element(
        "span", kind.write_range(found), class_="range"
    )


def _against_baseline(kind: Measure, run: Run, split: str) -> Cell:
    found = standing(run, split, kind)
    if found is None:
        return ""
    said = {"better": "better", "worse": "worse", "unclear": "cannot tell"}[found.outcome]
    return element("span", said, class_=found.outcome) + element(
        "span", found.rival, class_="range"
    )


def _recalls(
    kinds: Sequence[Measure], columns: Sequence[Column], group: Sequence[Run], split: str
) -> Markup:
    if not kinds:
        return Markup("")
    return heading("By class") + _figures(kinds, columns, group, split, verdicts=False)


def classes_of(kinds: Sequence[Measure]) -> dict[str, list[str]]:
    """Label part -> its classes, in the order of the recall figures."""
    out: dict[str, list[str]] = {}
    for kind in kinds:
        part, _, rest = kind.key.partition(".")
        if rest.startswith("recall."):
            out.setdefault(part, []).append(rest.removeprefix("recall."))
    return out


def _confusions(
    columns: Sequence[Column], split: str, classes: Mapping[str, Sequence[str]]
) -> Markup:
    first: list[Markup] = []
    others: list[Markup] = []
    known = [(headed, run, name) for headed, run, name in columns if name == POLICY]
    rival = _rival(columns, split) if len(known) == 1 else None
    for headed, run, name in columns:
        block = nested(run.candidates(split), name)
        for key in block:
            part, _, kind = key.partition(".")
            if kind == "confusion":
                drawn = _matrix(block[key], part, headed, classes)
                (first if name in (POLICY, rival) else others).append(drawn)
    if not first and not others:
        return Markup("")
    more = folded("Confusion matrices of the other candidates", row_of(*others)) if others else ""
    return heading("Confusion matrices") + row_of(*first) + more


def _rival(columns: Sequence[Column], split: str) -> str | None:
    """The baseline worth looking at beside the policy: the strongest in the first F1."""
    run = columns[0][1]
    for kind in measures_in(run.candidates(split).values()):
        found = standing(run, split, kind) if kind.key.endswith(".macro_f1") else None
        if found is not None:
            return found.rival
    return None


def _matrix(counts: Any, part: str, headed: str, classes: Mapping[str, Sequence[str]]) -> Markup:
    rows = counts if isinstance(counts, list) else []
    names = list(classes.get(part, ()))
    if len(names) != len(rows):
        names = [str(number) for number in range(len(rows))]
    return confusion_matrix(rows, names, title=f"{sentence(part)}: {headed}")
