"""Does one figure foretell another? A scatter plot over the arms, with the rank correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Spot, scatter_chart
from bydemo.report.page import Cell, Section, folded, heading, key_values, row_of, table
from bydemo.report.reading import nested
from bydemo.report.study_cells import asked
from bydemo.report.study_reading import Study
from bydemo.report.study_verdicts import ranking_verdict
from bydemo.report.svg import MINUS, element, is_number


def rankings_section(
    study: Study, rankings: Sequence[Mapping[str, Any]], number: str = ""
) -> Section:
    """One block a ranking."""
    lead = "A figure that is cheap to get is worth having if it puts policies into the same order "
    lead += "as the one that counts. One point an arm, at the means of its training seeds."
    body = Markup("").join(_ranking(study, ranking) for ranking in rankings)
    title = f"{number} Does one figure foretell another?".strip()
    return Section(title=title, lead=lead, body=body)


def _ranking(study: Study, ranking: Mapping[str, Any]) -> Markup:
    x, y = (study.named(str(ranking.get(axis, ""))) for axis in ("x", "y"))
    points: Sequence[Mapping[str, Any]] = ranking.get("points") or []
    spots = [
        Spot(name=study.label(str(p.get("arm"))), x=_percent(p.get("x"), x.percent),
             y=_percent(p.get("y"), y.percent))
        for p in points
    ]  # fmt: skip
    chart = scatter_chart(
        spots, title=f"{y.heading} against {x.title}", x_label=_unit(x.title, x.percent),
        y_label=_unit(y.title, y.percent),
    )  # fmt: skip
    expected = str(ranking.get("expected") or "")
    facts = key_values([
        ("Rank correlation (Spearman)", _rho(nested(ranking, "rho"))),
        ("Expected sign", expected),
        ("Arms", str(ranking.get("n", len(points)))),
        ("Verdict", str(ranking.get("verdict") or "")),
    ])  # fmt: skip
    rows: list[list[Cell]] = [
        [study.label(str(p.get("arm"))), x.write(p.get("x")), y.write(p.get("y"))] for p in points
    ]
    words = _set_apart(ranking_verdict(study, ranking))
    return (
        heading(str(ranking.get("title") or "Ranking"))
        + asked(("Hypothesis", ranking.get("why")))
        + row_of(chart, element("div", words, facts))
        + folded("The points in figures", table(["", x.title, y.title], rows))
    )


def _set_apart(text: str) -> Markup:

    return Markup('<p class="conclusion">{}</p>').format(text) if text else Markup("")


def _percent(value: object, share: bool) -> float | None:
    if not is_number(value):
        return None
    return 100 * value if share else float(value)


def _unit(title: str, share: bool) -> str:
    return f"{title} [%]" if share else title


def _rho(found: Mapping[str, Any]) -> str:
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if not is_number(value):
        return "undefined"
    said = f"{value:+.2f}"
    if is_number(low) and is_number(high):
        said += f" [{low:+.2f}, {high:+.2f}]"
    return said.replace("-", MINUS)
