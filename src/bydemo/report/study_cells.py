"""The cells that a study's tables share: values, differences and verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bydemo.report.figure_names import FigureName
from bydemo.report.page import Cell
from bydemo.report.study_reading import Study
from bydemo.report.svg import DASH, MINUS, element, is_number, sentence


def outcome(verdict: object) -> str:
    """A verdict as a CSS class: better, worse or unclear."""
    return str(verdict) if verdict in ("better", "worse") else "unclear"


def in_words(study: Study, text: object, *paths: object) -> str:
    """A sentence of the results for reading: paths of figures in words, and true minus signs."""
    said = str(text or "")
    for path in sorted(map(str, paths), key=len, reverse=True):
        said = said.replace(path, study.named(path).title) if path else said
    said = re.sub(r"(?<![\w.])-(?=\d)", MINUS, said)
    said = re.sub(r"(\d seeds?) x (?=\d)", "\\1 \u00d7 ", said)
    head, mark, rest = said.partition("? ")
    return head + mark + sentence(rest)


def asked(*pairs: tuple[str, object]) -> Markup:
    """What was fixed before anything ran."""
    items = [
        element("div", element("dt", name), element("dd", str(text)))
        for name, text in pairs
        if text
    ]
    head = element("p", "Fixed before anything ran", class_="asked-when")
    return element("div", head, element("dl", *items), class_="asked")


def estimate_cell(name: FigureName, found: Mapping[str, Any]) -> Cell:
    """A figure with its interval below."""
    if not is_number(found.get("value")):
        return DASH
    between = name.write_range(found)
    below = element("span", between, class_="range") if between else Markup("")
    return element("span", name.write_value(found)) + below


def gap_cell(name: FigureName, found: Mapping[str, Any], *, marked: bool = False) -> Cell:
    """A difference with its interval below, or why there is none; `marked` colours it by its own
    verdict."""
    if not is_number(found.get("value")):
        problem = found.get("problem")
        return element("span", str(problem), class_="unclear wrapped") if problem else DASH
    kind = outcome(found.get("verdict")) if marked else ""
    said = name.write_gap(found) + (" points" if name.percent else "")
    below = element("span", name.write_gap_range(found), class_="range")
    return element("span", said, class_=kind if kind in ("better", "worse") else None) + below


def basis(found: Mapping[str, Any]) -> Cell:
    """Training seeds and episodes that a figure rests on, and what its interval leaves open."""
    n, episodes = found.get("n"), found.get("episodes")
    parts = [_count(n, "seed")] if is_number(n) and n else []
    parts += [_count(episodes, "episode")] if is_number(episodes) else []
    said = Markup(" ").join(
        element("span", f"\u00d7 {part}" if number else part, class_="range" if number else None)
        for number, part in enumerate(parts)
    ) or element("span", DASH)
    if n == 1:
        return said + element("span", "other seeds: unknown", class_="range")
    return said


def _count(number: float, what: str) -> str:
    return f"{number:,.0f} {what}{'' if number == 1 else 's'}"
