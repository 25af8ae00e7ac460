"""What a study tells, chapter by chapter: questions, then searches, then rankings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bydemo.report.page import Cell, Chapter, Findings, Section
from bydemo.report.reading import Run
from bydemo.report.study_questions import question_section
from bydemo.report.study_rankings import rankings_section
from bydemo.report.study_reading import Study
from bydemo.report.study_searches import searches_section
from bydemo.report.study_verdicts import question_line, ranking_line


@dataclass(frozen=True, kw_only=True)
class Told:
    """Sections, and for the head of the page a line for each that has an outcome."""

    sections: list[Section]
    lines: list[Cell]


def chapters_of(study: Study, runs: Mapping[str, Run]) -> tuple[list[Chapter], list[Findings]]:
    """The chapters in their order, numbered from 1, and what came out in each."""
    chapters, findings = [], []
    for number, row in enumerate(study.rows("chapters"), start=1):
        told = _told(study, str(row["title"]), runs, f"{number}.")
        chapter = Chapter(title=f"{number}. {row['title']}", about=str(row.get("about") or ""),
                          sections=told.sections)  # fmt: skip
        chapters.append(chapter)
        if told.lines:
            findings.append(Findings(title=chapter.title, lines=told.lines, address=chapter.anchor))
    return chapters, findings


def _told(study: Study, chapter: str, runs: Mapping[str, Run], prefix: str) -> Told:
    sections: list[Section] = []
    lines: list[Cell] = []

    def number() -> str:
        return f"{prefix}{len(sections) + 1}"

    for question in study.rows_in("questions", chapter):
        sections.append(question_section(study, question, runs, number()))
        lines.append(question_line(study, question, sections[-1]))
    searches = study.rows_in("searches", chapter)
    if searches:
        sections.append(searches_section(study, searches, runs, number()))
    rankings = study.rows_in("rankings", chapter)
    if rankings:
        sections.append(rankings_section(study, rankings, number()))
        lines.append(ranking_line(study, rankings, sections[-1]))
    return Told(sections=sections, lines=lines)


def told_beside(study: Study, runs: Mapping[str, Run]) -> Told:
    """What belongs to no chapter; its questions are counted on from the chapters."""
    sections: list[Section] = []
    lines: list[Cell] = []
    first = len(study.rows("chapters")) + 1
    for number, question in enumerate(study.rows_in("questions", ""), start=first):
        sections.append(question_section(study, question, runs, f"{number}."))
        lines.append(question_line(study, question, sections[-1]))
    rankings = study.rows_in("rankings", "")
    if rankings:
        sections.append(rankings_section(study, rankings))
        lines.append(ranking_line(study, rankings, sections[-1]))
    searches = study.rows_in("searches", "")
    if searches:
        sections.append(searches_section(study, searches, runs))
    return Told(sections=sections, lines=lines)
