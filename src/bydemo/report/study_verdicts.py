"""A question or a ranking in a sentence, for the head of a study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.page import Section
from bydemo.report.study_cells import in_words, outcome
from bydemo.report.study_reading import Study
from bydemo.report.svg import DASH, element, sentence

MOST_NAMES = 3
"""Arms that a line names of each verdict; the question itself names them all."""
_SHORT = {"better": "better", "worse": "worse", "unclear": "cannot be told"}


def question_verdict(study: Study, question: Mapping[str, Any]) -> str:
    """The whole question in a sentence: who is better than the control, who is worse, and of whom
    that cannot be told."""
    control = study.label(str(question.get("control", "")))
    words = {"better": f"better than {control}", "worse": f"worse than {control}",
             "unclear": f"cannot be told from {control}"}  # fmt: skip
    groups = _arms_by_verdict(study, question)
    parts = [f"{words[kind]}: {', '.join(names)}" for kind, names in groups.items() if names]
    decided = study.named(str(question.get("decides", ""))).title
    return f"{question.get('title') or 'A question'} By {decided}, {'; '.join(parts) or DASH}."


def ranking_verdict(study: Study, ranking: Mapping[str, Any]) -> str:
    """The conclusion with its figures in words."""
    said = ranking.get("conclusion") or ranking.get("verdict")
    return in_words(study, said, ranking.get("x"), ranking.get("y"))


def question_line(study: Study, question: Mapping[str, Any], section: Section) -> Markup:
    """The same as a line that leads to the question and names only a few arms."""
    control = study.label(str(question.get("control", "")))
    groups = _arms_by_verdict(study, question)
    parts = [
        element("span", _SHORT[kind], class_=kind) + f" {_some(names)}"
        for kind, names in groups.items()
        if names
    ]
    decided = sentence(study.named(str(question.get("decides", ""))).title)
    basis = element("span", f"{decided}, against {control}: ", class_="range")
    return _link(section) + " " + basis + (Markup("; ").join(parts) or "nothing yet")


def ranking_line(study: Study, rankings: Sequence[Mapping[str, Any]], section: Section) -> Markup:
    """What the rankings of a section say, as a line that leads there."""
    return _link(section) + " " + " ".join(ranking_verdict(study, found) for found in rankings)


def headline(study: Study) -> str:
    """How many questions there are and how their comparisons came out."""
    groups = [_arms_by_verdict(study, question) for question in study.rows("questions")]
    better, worse, open_ = (sum(len(g[kind]) for g in groups) for kind in _SHORT)
    questions = f"{len(groups)} question{'' if len(groups) == 1 else 's'}"
    return (
        f"{questions}, {better + worse + open_} comparisons with a control: {better} better, "
        f"{worse} worse, {open_} cannot be told."
    )


def _arms_by_verdict(study: Study, question: Mapping[str, Any]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {kind: [] for kind in _SHORT}
    for effect in question.get("effects") or []:
        groups[outcome(effect.get("verdict"))].append(study.label(str(effect.get("arm"))))
    return groups


def _some(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"


def _link(section: Section) -> Markup:
    return element("a", section.title, href=f"#{section.anchor}")
