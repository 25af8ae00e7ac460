"""Every arm of a study with every figure, what it cost, and the data that it learned from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bydemo.report.page import Cell, Section, code_block, folded, heading, key_values, table
from bydemo.report.reading import nested
from bydemo.report.study_cells import estimate_cell
from bydemo.report.study_costs import PARAMETERS, cost_note, counted, every_cost_column
from bydemo.report.study_reading import Study
from bydemo.report.svg import DASH, element, is_number, spoken

_MAIN = ("score", "return", "rate")
"""Closed-loop figures that always stand in the first table."""


def arms_section(study: Study, pages: Mapping[str, str]) -> Section:
    """All arms; `pages`: a run's folder -> the address of its page."""
    paths = main_figures(study)
    names = [study.named(path) for path in paths]
    heads: list[Cell] = ["", *(name.title for name in names), "parameters", "runs, by seed"]
    rows: list[list[Cell]] = []
    for arm in study.rows("arms"):
        own = str(arm.get("name"))
        row: list[Cell] = [_named(study, arm)]
        row += [estimate_cell(name, study.estimate(own, name.path)) for name in names]
        rows.append([*row, PARAMETERS.write(study, own), _links(arm, pages)])
    lead = "Means over training seeds with their 95\u00a0% intervals. Each seed links to the page "
    lead += "of its run."
    arms = [str(arm.get("name")) for arm in study.rows("arms")]
    body = table(heads, rows) + cost_note(study, arms, [PARAMETERS])
    body += _cost(study) + _everything(study) + _about(study)
    return Section(title="All arms", lead=lead, body=body)


def main_figures(study: Study) -> list[str]:
    """Paths of the figures that decide or are plotted, and the main ones of closed loop."""
    out: dict[str, None] = {}
    for question in study.rows("questions"):
        out |= dict.fromkeys([str(question.get("decides", ""))])
    for ranking in study.rows("rankings"):
        out |= dict.fromkeys([str(ranking.get("y", "")), str(ranking.get("x", ""))])
    for arm in study.rows("arms"):
        for path in nested(arm, "figures"):
            if path.startswith("rollouts.") and path.rpartition(".")[2] in _MAIN:
                out[path] = None
    return [path for path in out if path and path != "parameters"]


def failures_section(study: Study) -> Section | None:
    """Runs and trials that failed, each with its reason."""
    rows: list[list[Cell]] = []
    for arm in study.rows("arms"):
        for run in arm.get("runs") or []:
            if run.get("state") == "failed":
                seed = DASH if run.get("seed") is None else str(run.get("seed"))
                rows.append([study.label(str(arm.get("name"))), seed, _reason(run)])
    for search in study.rows("searches"):
        for trial in search.get("trials") or []:
            if trial.get("state") == "failed":
                what = f"{search.get('title')}, trial {trial.get('number')}"
                rows.append([what, DASH, _reason(trial)])
    if not rows:
        return None
    lead = "Their figures are missing above; where one is missing, no verdict is given."
    body = table(["", "seed", "reason"], rows, text_columns=3)
    return Section(title="What failed", lead=lead, body=body)


def data_section(study: Study) -> Section | None:
    """Datasets with their fingerprints, and tasks with their seeds."""
    parts = []
    for name, data in study.block("datasets").items():
        if not isinstance(data, Mapping):
            continue
        splits = nested(data, "splits").items()
        parts.append(heading(name) + key_values([
            ("Episodes", counted(data.get("episodes"))), ("Steps", counted(data.get("steps"))),
            ("Split", ", ".join(f"{split} {n}" for split, n in splits)),
            ("Path", str(data.get("path") or "")),
            ("Fingerprint", str(data.get("fingerprint") or "")),
            ("Came from", "recorded by the study" if data.get("recorded") else "given"),
        ]))  # fmt: skip
        if data.get("recorded"):
            plain = json.dumps(data["recorded"], indent=2, ensure_ascii=False)
            parts.append(folded("How it was recorded", code_block(plain)))
    for label, task in study.block("tasks").items():
        if not isinstance(task, Mapping):
            continue
        first, n = task.get("first_seed"), task.get("n")
        seeds = f"{first} to {first + n - 1}" if is_number(first) and is_number(n) else ""
        parts.append(heading(f"Task {spoken(label)}") + key_values([
            ("Task", str(task.get("task") or "")), ("Episodes a run", counted(n) if n else ""),
            ("Environment seeds", seeds),
        ]))  # fmt: skip
        if nested(task, "task_config"):
            plain = json.dumps(task["task_config"], indent=2, ensure_ascii=False)
            parts.append(folded("Task settings", code_block(plain)))
    if not parts:
        return None
    return Section(title="Data and tasks", body=Markup("").join(parts))


def _named(study: Study, arm: Mapping[str, Any]) -> Cell:
    label = study.label(str(arm.get("name")))
    notes = [str(arm.get("name"))] if label != arm.get("name") else []
    notes += [f"after {study.label(str(arm['after']))}"] if arm.get("after") else []
    if not notes:
        return label
    return element("span", label) + element("span", "; ".join(notes), class_="range")


def _links(arm: Mapping[str, Any], pages: Mapping[str, str]) -> Cell:
    """A link a run, or its state where it has no page."""
    out = []
    for run in arm.get("runs") or []:
        seed, folder = run.get("seed"), str(run.get("folder"))
        name = "page" if seed is None else str(seed)
        state = str(run.get("state") or "unknown")
        if folder in pages:
            out.append(element("a", name, href=pages[folder]))
        elif state == "finished":
            out.append(element("span", name))
        else:
            style = "worse" if state == "failed" else "unclear"
            out.append(element("span", f"{name} {state}", class_=style))
    return Markup(", ").join(out) if out else DASH


def _cost(study: Study) -> Markup:
    arms = [str(a.get("name")) for a in study.rows("arms") if study.cost(str(a.get("name")))]
    columns = every_cost_column(study, arms)
    if not columns:
        return Markup("")
    rows = [[study.label(arm), *(column.write(study, arm) for column in columns)] for arm in arms]
    shown = table(["", *(column.head for column in columns)], rows)
    return heading("What they took") + shown + cost_note(study, arms, columns)


def _everything(study: Study) -> Markup:
    """All figures, in one folded table a task, a split's candidate, a representation's probe."""
    groups: dict[str, dict[str, None]] = {}
    for arm in study.rows("arms"):
        for path in nested(arm, "figures"):
            groups.setdefault(_group(path), {})[path] = None
    out = []
    for group, paths in groups.items():
        names = [study.named(path) for path in paths]
        rows: list[list[Cell]] = []
        for arm in study.rows("arms"):
            own = str(arm.get("name"))
            found = [study.estimate(own, path) for path in paths]
            if any(found):
                cells = [estimate_cell(n, f) for n, f in zip(names, found, strict=True)]
                rows.append([study.label(own), *cells])
        out.append(folded(group, table(["", *(n.title for n in names)], rows)))
    return folded("Every figure", Markup("").join(out)) if out else Markup("")


def _group(path: str) -> str:
    """What a figure stands together with."""
    parts = path.split(".")
    if parts[0] == "probe":
        return " ".join((*parts[:2], *parts[-2:-1]))
    return " ".join(parts[: {"offline": 3, "rollouts": 2}.get(parts[0], 1)])


def _about(study: Study) -> Markup:
    """What each arm is, in the plan's words and as it was resolved."""
    out = []
    for arm in study.rows("arms"):
        said = element("p", str(arm["about"])) if arm.get("about") else Markup("")
        plain = json.dumps(arm.get("settings") or {}, indent=2, ensure_ascii=False)
        facts = key_values([
            ("Kind", str(arm.get("kind") or "")), ("Dataset", str(arm.get("dataset") or "")),
            ("Training seeds", ", ".join(map(str, arm.get("seeds") or []))),
        ])  # fmt: skip
        label = study.label(str(arm.get("name")))
        out.append(folded(label, said + facts + code_block(plain)))
    return folded("What each arm is", Markup("").join(out)) if out else Markup("")


def _reason(entry: Mapping[str, Any]) -> Cell:
    return element("span", str(entry.get("reason") or "not stated"), class_="reason")
