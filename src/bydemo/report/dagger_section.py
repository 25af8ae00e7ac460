"""What an expert that was asked while the learner acted was worth, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Series, line_chart
from bydemo.report.page import Cell, Section, folded, row_of, table
from bydemo.report.reading import Run, nested
from bydemo.report.returns import mean_text
from bydemo.report.svg import DASH, figure, is_number, percent


def dagger_section(runs: Sequence[Run]) -> Section | None:
    """Rounds of DAgger; nothing of runs that were not made so."""
    bodies = []
    for run in runs:
        rounds = [
            row for row in run.block("dagger").get("rounds") or [] if isinstance(row, Mapping)
        ]
        if rounds:
            body = row_of(_curve(rounds)) + _table(rounds)
            bodies.append(folded(run.name, body, opened=True) if len(runs) > 1 else body)
    if not bodies:
        return None
    lead = "Rounds of DAgger: the learner acts, the expert says at each step what it would have "
    lead += "done, and the next learner learns from all of it. The learner acted alone only where "
    lead += "the expert's share is nought."
    return Section(title="Asking the expert", lead=lead, body=Markup("").join(bodies))


def _curve(rounds: Sequence[Mapping[str, Any]]) -> Markup:
    """The return of each round's own episodes over what the expert had been asked by then."""
    known = [(row, nested(row, "return")) for row in rounds if is_number(row.get("queries"))]
    means = [found.get("mean") for _, found in known]
    errors = [found.get("standard_error") for _, found in known]
    ends = [(m - 2 * e, m + 2 * e) if is_number(m) and is_number(e) else (None, None)
            for m, e in zip(means, errors, strict=True)]  # fmt: skip
    line = Series(
        name="return", x=[float(row["queries"]) for row, _ in known], y=means, points=True,
        whiskers=True, low=[low for low, _ in ends], high=[high for _, high in ends],
    )  # fmt: skip
    return line_chart(
        [line], title="Return of each round's own episodes", x_label="labels of the expert [steps]",
        y_label="return", note="Strokes: two standard errors.",
    )  # fmt: skip


def _table(rounds: Sequence[Mapping[str, Any]]) -> Markup:
    heads = ["round", "\u03b2", "episodes stored", "episodes in all", "labels in all",
             "expert's share of steps", "return", "successes", "loss after training"]  # fmt: skip
    rows: list[list[Cell]] = []
    for row in rounds:
        share, won = row.get("expert_share"), row.get("successes")
        loss = row.get("training_loss")
        rows.append([
            str(row.get("round", DASH)), _number(row.get("beta")), _number(row.get("stored")),
            _number(row.get("episodes")), _number(row.get("queries")),
            percent(share) if is_number(share) else DASH,
            mean_text(nested(row, "return")) if nested(row, "return") else DASH,
            f"{won} of {row.get('played')}" if is_number(won) else DASH,
            figure(loss if is_number(loss) else None),
        ])  # fmt: skip
    return table(heads, rows)


def _number(value: object) -> str:
    if not is_number(value):
        return DASH
    return f"{value:,.0f}" if float(value).is_integer() else figure(value)
