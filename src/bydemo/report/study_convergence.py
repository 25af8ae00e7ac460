"""Whether the representations of a question were trained to the end, and how much they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.convergence_section import STYLES
from bydemo.report.page import Cell, heading, paragraph, table
from bydemo.report.reading import Run, nested
from bydemo.report.study_cells import estimate_cell
from bydemo.report.study_reading import PAGE, Study
from bydemo.report.svg import element

NOTE = (
    "A verdict follows from the rule in docs/latent_analysis.md, from the losses of each training "
    "alone; the least favourable one of its losses counts. Converged does not mean good."
)
_FIGURES = ("latent.active", "latent.effective", "latent.kl")


def convergence_table(study: Study, arms: Sequence[str], runs: Mapping[str, Run]) -> Markup:
    """A row for each of the arms, and of those that they start from, whose training has a verdict;
    nothing where none has one."""
    every = {name: None for arm in arms for name in (arm, study.arm(arm).get("after")) if name}
    judged = [arm for arm in every if _by_verdict(study, arm)]
    if not judged:
        return Markup("")
    paths = _paths(study, judged)
    names = [study.named(path) for path in paths]
    heads: list[Cell] = ["", "verdict, by seed", *(name.title for name in names)]
    rows: list[list[Cell]] = [
        [_named(study, arm, arms), _verdicts(study, arm, runs),
         *(estimate_cell(name, study.estimate(arm, name.path)) for name in names)]
        for arm in judged
    ]  # fmt: skip
    shown = table(heads, rows, text_columns=2)
    return heading("Did the training converge?") + shown + paragraph(NOTE, style="note")


def _named(study: Study, arm: str, arms: Sequence[str]) -> Cell:
    if arm in arms:
        return study.label(arm)
    started = element("span", "where others start from", class_="range")
    return element("span", study.label(arm)) + started


def _paths(study: Study, arms: Sequence[str]) -> list[str]:
    known = {path: None for arm in arms for path in nested(study.arm(arm), "figures")}
    return [
        p for p in (*_FIGURES, *(p for p in known if p.startswith("latent.kept."))) if p in known
    ]


def _by_verdict(study: Study, arm: str) -> dict[str, list[Mapping[str, Any]]]:
    """Verdict -> the runs that got it."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for run in study.arm(arm).get("runs") or []:
        if run.get("convergence"):
            out.setdefault(str(run["convergence"]), []).append(run)
    return out


def _verdicts(study: Study, arm: str, runs: Mapping[str, Run]) -> Cell:
    out = []
    for verdict, found in _by_verdict(study, arm).items():
        style = STYLES.get(verdict.partition(":")[0], "unclear")
        seeds = Markup(", ").join(_seed(study, row, runs) for row in found)
        out.append(element("div", element("span", verdict, class_=style), " ", seeds))
    return Markup("").join(out)


def _seed(study: Study, row: Mapping[str, Any], runs: Mapping[str, Run]) -> Markup:
    name = "the run" if row.get("seed") is None else f"seed {row['seed']}"
    run = runs.get(str(row.get("folder")))
    if run is None:
        return element("span", name)
    return element("a", name, href=study.address(run.path / PAGE))
