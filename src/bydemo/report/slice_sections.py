"""Where a policy fails: its figures in slices of the data, each with its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.measures import Measure, measures_in
from bydemo.report.page import Cell, Section, folded, heading, table
from bydemo.report.reading import Run, figure_in, nested
from bydemo.report.standing import main_split
from bydemo.report.svg import DASH, element, is_number, percent, sentence, spoken

MOST_ROWS = 12
"""Slices of one kind that are shown at once; the rest folds away."""


def slices_section(runs: Sequence[Run]) -> Section | None:
    """One table a kind of slice and run, on the split that the verdict speaks of."""
    bodies = [_of_run(run, named=len(runs) > 1) for run in runs]
    if not any(bodies):
        return None
    lead = "Steps that share a quality, with their share of the data, their share of all errors, "
    lead += "and the policy's figures there. A share of errors well above the share of data is "
    lead += "where to look first."
    return Section(title="Where it fails", lead=lead, body=Markup("").join(bodies))


def _of_run(run: Run, *, named: bool) -> Markup:
    split = main_split(run)
    rows = run.block("offline", split or "").get("slices") or []
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(str(row.get("slice", "")), []).append(row)
    tables = [
        heading(sentence(name.replace("_", " "))) + _table(found) for name, found in kinds.items()
    ]
    body = Markup("").join(tables)
    return folded(run.name, body) if named and tables else body


def _table(rows: Sequence[Mapping[str, Any]]) -> Markup:
    kinds = [k for k in measures_in(nested(row, "metrics") for row in rows) if k.in_headline]
    errors = {part: None for row in rows for part in nested(row, "share_of_error")}
    heads = ["", "share of data", *(f"share of {spoken(part)} errors" for part in errors), "steps"]
    heads += [kind.heading for kind in kinds]
    cells = [_row(row, list(errors), kinds) for row in rows]
    shown = table(heads, cells[:MOST_ROWS])
    rest = cells[MOST_ROWS:]
    return shown + (folded(f"{len(rest)} more", table(heads, rest)) if rest else Markup(""))


def _row(row: Mapping[str, Any], errors: Sequence[str], kinds: Sequence[Measure]) -> list[Cell]:
    share = row.get("share")
    steps = row.get("steps")
    out: list[Cell] = [str(row.get("value", "")), _share(share, share)]
    out += [_share(nested(row, "share_of_error").get(part), share) for part in errors]
    out.append(f"{steps:,}" if isinstance(steps, int) else DASH)
    for kind in kinds:
        found = figure_in(nested(row, "metrics"), kind.key)
        if found is None:
            out.append(DASH)
            continue
        spread = element("span", kind.write_range(found), class_="range")
        out.append(element("span", kind.write(found.value)) + spread)
    return out


def _share(value: object, expected: object) -> Cell:
    """A share with a small bar; red where errors are at least 1.5 times the data's share."""
    if not is_number(value):
        return DASH
    heavy = is_number(expected) and value > 1.5 * expected and value - expected > 0.02
    bar = element("i", class_="meter", style=f"--share: {100 * min(value, 1.0):.1f}%")
    said = percent(value, 1)
    return bar + element("span", said, class_="worse" if heavy else None)
