"""One question of a study: what was asked before anything ran, and then what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Series, Strip, line_chart, strip_chart
from bydemo.report.figure_names import FigureName
from bydemo.report.page import Cell, Section, folded, heading, row_of, table
from bydemo.report.reading import Run, nested
from bydemo.report.reproduction_sections import flat
from bydemo.report.study_cells import (
    asked,
    basis,
    estimate_cell,
    gap_cell,
    in_words,
    outcome,
)
from bydemo.report.study_convergence import convergence_table
from bydemo.report.study_costs import cost_columns, cost_note
from bydemo.report.study_learning_curves import learning_curves
from bydemo.report.study_reading import Study
from bydemo.report.svg import DASH, element, is_number

SEEDS = "One dot a training seed; the diamond is their mean with its 95\u00a0% interval."


def question_section(
    study: Study, question: Mapping[str, Any], runs: Mapping[str, Run], number: str
) -> Section:
    """The question, its conclusions, charts, and the table of effects; `runs`: a run's folder
    inside the study -> the run."""
    name = study.named(str(question.get("decides", "")))
    body = [
        asked(
            ("What varies", question.get("varies")),
            ("Hypothesis", question.get("why")),
            ("Decided by", f"{name.title}, {_direction(question)}"),
            ("Control", study.label(str(question.get("control", "")))),
        ),
        heading("What came out"),
        _conclusions(study, question, name),
        row_of(*_charts(study, question, name)),
        _curve(study, question, name),
        _effects(study, question, name),
        _beside(study, question),
        convergence_table(study, _names(question), runs),
        learning_curves(study, _names(question), runs),
        _settings(study, question),
    ]
    title = str(question.get("title") or "A question")
    return Section(title=f"{number} {title}", body=Markup("").join(body))


def _direction(question: Mapping[str, Any]) -> str:
    return "higher is better" if question.get("higher_is_better", True) else "lower is better"


def _names(question: Mapping[str, Any]) -> list[str]:
    """The control, then the arms beside it."""
    arms = [str(name) for name in question.get("arms") or []]
    return [str(question.get("control", "")), *arms]


def _conclusions(study: Study, question: Mapping[str, Any], name: FigureName) -> Markup:
    effects = question.get("effects") or []
    said = [in_words(study, text, name.path) for text in question.get("conclusions") or []]
    items = [
        element("li", text, class_=f"{outcome(effect.get('verdict'))}-mark")
        for text, effect in zip(said, effects, strict=False)
    ]
    return element("ul", *items, class_="conclusions") if items else Markup("<p>Nothing yet.</p>")


def _charts(study: Study, question: Mapping[str, Any], name: FigureName) -> list[Markup]:
    names = _names(question)
    strips = [_strip(study, arm, name, number) for number, arm in enumerate(names)]
    write = name.write if name.percent else None
    charts = [strip_chart(strips, title=name.heading, write=write, note=SEEDS)]
    gaps = _gaps(study, question, name)
    if gaps:
        unit = "percentage points" if name.percent else ""
        control = study.label(names[0])
        title = f"Difference to {control}"
        charts.append(strip_chart(gaps, title=title, zero=True, x_label=unit, note=PAIRED))
    return charts


PAIRED = (
    "Paired over training seeds and episodes that both have; an interval that holds nought does "
    "not tell the two apart."
)


def _strip(study: Study, arm: str, name: FigureName, number: int) -> Strip:
    found = study.estimate(arm, name.path)
    dots = [(f"seed {row.get('seed')}", row.get("value")) for row in found.get("seeds") or []]
    # The control comes first and in grey, so that the colours tell the others apart.
    return Strip(
        name=study.label(arm), dots=dots, value=found.get("value"), low=found.get("low"),
        high=found.get("high"), said=f"{name.write_value(found)} {name.write_range(found)}".strip(),
        colour=number - 1, quiet=number == 0,
    )  # fmt: skip


def _gaps(study: Study, question: Mapping[str, Any], name: FigureName) -> list[Strip]:
    scale = 100.0 if name.percent else 1.0
    strips = []
    for number, effect in enumerate(question.get("effects") or []):
        found = nested(effect, "figures").get(name.path) or {}
        if not is_number(found.get("value")):
            continue
        seeds = found.get("seeds") or []
        strips.append(
            Strip(
                name=study.label(str(effect.get("arm"))),
                dots=[(f"seed {s.get('seed')}", _scaled(s.get("value"), scale)) for s in seeds],
                value=_scaled(found.get("value"), scale), low=_scaled(found.get("low"), scale),
                high=_scaled(found.get("high"), scale), colour=number,
                said=f"{name.write_gap(found)} {name.write_gap_range(found)}".strip(),
            )
        )  # fmt: skip
    return strips


def _curve(study: Study, question: Mapping[str, Any], name: FigureName) -> Markup:
    """The deciding figure over what was varied by degrees, e.g. the number of demonstrations."""
    curve = nested(question, "curve")
    series = []
    for line in nested(curve, "series"):
        known = {arm: x for arm, x in nested(nested(curve, "series"), line).items() if is_number(x)}
        arms = sorted(known, key=lambda arm: float(known[arm]))
        found = [study.estimate(arm, name.path) for arm in arms]
        scale = 100.0 if name.percent else 1.0
        values = [[_scaled(f.get(key), scale) for f in found] for key in ("value", "low", "high")]
        series.append(
            Series(name=str(line), x=[known[arm] for arm in arms], y=values[0], low=values[1],
                   high=values[2], points=True, whiskers=True)
        )  # fmt: skip
    if not series:
        return Markup("")
    label = str(curve.get("x_label") or "")
    unit = f"{name.title} [%]" if name.percent else name.title
    positive = all(x > 0 for line in series for x in line.x)
    drawn = line_chart(
        series, title=f"{name.heading} over {label}" if label else name.heading, x_label=label,
        y_label=unit, log=bool(curve.get("log", True)) and positive,
        note="Points are means over training seeds; strokes are their 95\u00a0% intervals.",
    )  # fmt: skip
    return row_of(drawn)


def _scaled(value: object, scale: float) -> float | None:
    return scale * value if is_number(value) else None


def _effects(study: Study, question: Mapping[str, Any], name: FigureName) -> Markup:
    control = str(question.get("control", ""))
    effects = question.get("effects") or []
    arms = [control, *(str(effect.get("arm")) for effect in effects)]
    costs = cost_columns(study, arms)
    heads = ["", name.title, "difference", "verdict", "n", *(column.head for column in costs)]
    rows = [
        [*_effect_row(study, arm, name, effect), *(column.write(study, arm) for column in costs)]
        for arm, effect in zip(arms, [None, *effects], strict=True)
    ]
    return heading("Effects") + table(heads, rows) + cost_note(study, arms, costs)


def _effect_row(
    study: Study, arm: str, name: FigureName, effect: Mapping[str, Any] | None
) -> list[Cell]:
    own = study.estimate(arm, name.path)
    row: list[Cell] = [study.label(arm), estimate_cell(name, own)]
    if effect is None:
        row += ["control", "", basis(own)]
    else:
        found = nested(effect, "figures").get(name.path) or {}
        verdict = str(effect.get("verdict") or DASH)
        short = verdict.partition(" from n = ")[0]  # which n is told in the next column
        said = element("span", in_words(study, short), class_=f"{outcome(verdict)} wrapped")
        row += [gap_cell(name, found), said, basis(found if "value" in found else own)]
    return row


def _beside(study: Study, question: Mapping[str, Any]) -> Markup:
    """Figures that do not decide, shown beside."""
    effects: Sequence[Mapping[str, Any]] = question.get("effects") or []
    decides = question.get("decides")
    paths = {p: None for e in effects for p in nested(e, "figures") if p != decides}
    paths |= {str(p): None for p in question.get("also") or [] if p != decides}
    if not paths:
        return Markup("")
    names = [study.named(path) for path in paths]
    control = str(question.get("control", ""))
    first: list[Cell] = [f"{study.label(control)} (control)"]
    rows = [first + [estimate_cell(name, study.estimate(control, name.path)) for name in names]]
    for effect in effects:
        row: list[Cell] = [study.label(str(effect.get("arm")))]
        gaps = nested(effect, "figures")
        row += [gap_cell(name, gaps.get(name.path) or {}, marked=True) for name in names]
        rows.append(row)
    shown = table(["", *(name.title for name in names)], rows)
    lead = Markup("<p class='note'>They do not decide. The control's values; below it, the "
                  "differences to it.</p>")  # fmt: skip
    return heading("Other figures") + lead + shown


def _settings(study: Study, question: Mapping[str, Any]) -> Markup:
    """What differs between the arms, as it was resolved."""
    names = _names(question)
    known = [flat(nested(study.arm(name), "settings")) for name in names]
    rows: list[list[Cell]] = []
    for setting in {name: None for values in known for name in values}:
        values = [found.get(setting, DASH) for found in known]
        if len(set(values)) > 1:
            rows.append([setting, *values])
    if not rows:
        return Markup("")
    heads = ["", *(study.label(name) for name in names)]
    return folded("Settings that differ", table(heads, rows, text_columns=len(heads)))
