"""Searches for good settings: what was tried, what it earned, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Spot, scatter_chart
from bydemo.report.figure_names import FigureName
from bydemo.report.page import Cell, Section, folded, heading, key_values, row_of, table
from bydemo.report.reading import Run, nested
from bydemo.report.study_cells import asked
from bydemo.report.study_reading import PAGE, Study
from bydemo.report.svg import DASH, MINUS, element, is_number, spoken

MOST_CHARTS = 4
"""Settings that are drawn: the numbers that the outcome goes along with most."""
MOST_ROWS = 12
"""Trials that are shown at once, the best ones; the rest folds away."""


def searches_section(
    study: Study, searches: Sequence[Mapping[str, Any]], runs: Mapping[str, Run], number: str = ""
) -> Section:
    """One block a search; `runs`: a run's folder inside the study -> the run."""
    pages = {folder: study.address(run.path / PAGE) for folder, run in runs.items()}
    lead = "A search looks for good settings; what it finds is chosen by the very figure that it "
    lead += "is judged by, so the best value is too good. Questions are answered by other arms."
    body = Markup("").join(_search(study, search, pages) for search in searches)
    return Section(title=f"{number} Searches".strip(), lead=lead, body=body)


def _search(study: Study, search: Mapping[str, Any], pages: Mapping[str, str]) -> Markup:
    name = study.named(str(search.get("decides", "")))
    trials: Sequence[Mapping[str, Any]] = search.get("trials") or []
    best = next((t for t in trials if t.get("number") == search.get("best")), None)
    states = [str(trial.get("state")) for trial in trials]
    found = "" if best is None else f"trial {best.get('number')}: {name.write(best.get('value'))}"
    facts = key_values([
        ("Best", found),
        ("Trials", f"{states.count('finished')} finished, {states.count('failed')} failed"),
        ("Sampler", str(search.get("sampler") or "")),
        ("Decided by", name.title),
    ])  # fmt: skip
    return (
        heading(str(search.get("title") or search.get("name") or "Search"))
        + asked(("What varies", search.get("varies")), ("Hypothesis", search.get("why")))
        + facts
        + row_of(*_charts(search, trials, name))
        + _importance(search)
        + _trials(study, search, trials, name, pages)
    )


def _charts(
    search: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], name: FigureName
) -> list[Markup]:
    weights = {f: w for f, w in nested(search, "importance").items() if is_number(w)}
    fields = sorted(weights, key=lambda field: -abs(float(weights[field])))[:MOST_CHARTS]
    charts = []
    for field in fields:
        drawn = nested(search, "space").get(field)
        log = bool(drawn.get("log")) if isinstance(drawn, Mapping) else None
        spots = [_spot(trial, field, best=search.get("best"), log=bool(log)) for trial in trials]
        charts.append(
            scatter_chart(spots, title=spoken(field), x_label=spoken(field), y_label=name.title,
                          log=log, named=False, note="The best trial stands out by its colour.")
        )  # fmt: skip
    return charts


def _spot(trial: Mapping[str, Any], field: str, *, best: object, log: bool) -> Spot:
    x, y = _changes(trial).get(field), trial.get("value")
    shown = float(x) if is_number(x) and (x > 0 or not log) else None
    return Spot(
        name=f"trial {trial.get('number')}", x=shown, y=float(y) if is_number(y) else None,
        colour=int(trial.get("number") == best),
    )  # fmt: skip


def _importance(search: Mapping[str, Any]) -> Markup:
    rows: list[list[Cell]] = [
        [field, f"{weight:+.2f}".replace("-", MINUS)]
        for field, weight in nested(search, "importance").items()
        if is_number(weight)
    ]
    if not rows:
        return Markup("")
    return table(["setting", "rank correlation with the outcome"], rows)


def _trials(
    study: Study, search: Mapping[str, Any], trials: Sequence[Mapping[str, Any]],
    name: FigureName, pages: Mapping[str, str],
) -> Markup:  # fmt: skip
    up = bool(search.get("higher_is_better", True))

    def worth(trial: Mapping[str, Any]) -> float:
        value = trial.get("value")
        return (-float(value) if up else float(value)) if is_number(value) else float("inf")

    ordered = sorted(trials, key=worth)
    fields = list({f: None for trial in trials for f in _changes(trial)})
    heads: list[Cell] = ["trial", name.title, *fields, "pages"]
    rows: list[list[Cell]] = []
    for trial in ordered:
        row: list[Cell] = [str(trial.get("number")), _outcome(trial, name)]
        row += [_short(_changes(trial).get(field)) for field in fields]
        prefix = f"{trial.get('folder')}/"
        own = {f: a for f, a in pages.items() if f.startswith(prefix) or f == trial.get("folder")}
        links = [element("a", folder.rpartition("/")[2], href=a) for folder, a in own.items()]
        rows.append([*row, Markup(", ").join(links)])
    rest = rows[MOST_ROWS:]
    more = folded(f"{len(rest)} more trials", table(heads, rest)) if rest else Markup("")
    return table(heads, rows[:MOST_ROWS]) + more


def _changes(trial: Mapping[str, Any]) -> Mapping[str, Any]:
    found = trial.get("changes")
    return found if isinstance(found, Mapping) else {}


def _outcome(trial: Mapping[str, Any], name: FigureName) -> Cell:
    if is_number(trial.get("value")):
        return name.write(trial.get("value"))
    reason = str(trial.get("reason") or trial.get("state") or DASH)
    return element("span", reason, class_="unclear wrapped")


def _short(value: object) -> str:
    if is_number(value):
        return f"{value:.4g}".replace("-", MINUS)
    return DASH if value is None else str(value)
