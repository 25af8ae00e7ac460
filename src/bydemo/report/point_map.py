"""Maps of thousands of points, coloured by a label or a number: small, sharp, fit for dark pages.

A colour's points are one path of strokes without length, whose round ends are the dots: a dozen
bytes a point, where an element each would make a page of several maps too heavy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import COLOURS, WIDTH, chart_figure, drawing, nothing, swatches
from bydemo.report.svg import element, figure, finite

FINE = 2
"""Points lie on a grid of so many to a drawing unit."""
MARGIN = 6.0
TALLEST = 1.2
"""A map is at most so many times as high as it is wide."""
SHADES = 8
"""How many steps the scale of a number has (classes q0... of the style sheet)."""
ENDS = (0.02, 0.98)
"""Quantiles between which a number's scale runs, so that an outlier does not swallow it."""
OTHERS = "others"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where N points lie; both coordinates in the same unit."""

    x: Sequence[float]
    y: Sequence[float]


def label_map(
    places: Places, classes: Sequence[int], names: Sequence[str], *, title: str, note: str = ""
) -> Markup:
    """Points in the colours of their classes, rare ones on top; of many classes only the
    commonest have a colour, and the rest is grey."""
    counts = Counter(classes)
    common = sorted(counts, key=lambda c: (-counts[c], c))
    coloured = sorted(common[:COLOURS])  # in the classes' own order, as their legend is
    styles = {c: f"c{number}" for number, c in enumerate(coloured)}
    rows = _nobody("quiet", *(styles[c] for c in common[:COLOURS]))
    for row, one in enumerate(classes):
        rows[styles.get(one, "quiet")].append(row)
    legend = [(names[c], styles[c]) for c in coloured]
    legend += [(OTHERS, "quiet")] if rows["quiet"] else []
    return _map(places, rows, swatches(legend), title=title, note=note)


def number_map(
    places: Places, values: Sequence[float], *, title: str, unit: str = "", note: str = ""
) -> Markup:
    """Points in shades of a number, from pale to strong."""
    known = sorted(finite(values))
    if not known:
        return chart_figure(title, nothing(), note=note)
    low, high = (known[round(q * (len(known) - 1))] for q in ENDS)
    width = (high - low) or 1.0
    rows = _nobody(*(f"q{shade}" for shade in range(SHADES)))
    for row, value in enumerate(values):
        shade = int((min(max(value, low), high) - low) / width * SHADES)
        rows[f"q{min(shade, SHADES - 1)}"].append(row)
    said = f" {unit}" if unit else ""
    legend = element(
        "div", element("span", figure(low)), element("i", class_="scale"),
        element("span", f"{figure(high)}{said}"), class_="legend",
    )  # fmt: skip
    return _map(places, rows, legend, title=title, note=note)


def path_map(
    places: Places, paths: Sequence[int], *, title: str, said: str, note: str = ""
) -> Markup:
    """Points of runs of the same number in `paths`, in time; a few runs, spread evenly, are drawn
    as coloured paths. `said`: what a run is, e.g. `episode`."""
    runs = list(dict.fromkeys(paths))
    step = max(1, len(runs) // COLOURS)
    styles = {run: f"c{number}" for number, run in enumerate(runs[::step][:COLOURS])}
    rows = _nobody("quiet", *styles.values())
    for row, run in enumerate(paths):
        rows[styles.get(run, "quiet")].append(row)
    legend = [(f"{said} {run}", style) for run, style in styles.items()]
    legend += [(OTHERS, "quiet")] if rows["quiet"] else []
    return _map(places, rows, swatches(legend), title=title, note=note, joined=True)


def _nobody(*styles: str) -> dict[str, list[int]]:
    """Rows by style, in the order in which they are drawn; none yet."""
    return {style: [] for style in styles}


def _map(
    places: Places, rows: dict[str, list[int]], legend: Markup, *, title: str, note: str,
    joined: bool = False,
) -> Markup:  # fmt: skip
    if not len(places.x):
        return chart_figure(title, nothing(), note=note)
    spots, height = _spots(places)
    drawn = []
    for style, mine in rows.items():
        if not mine:
            continue
        if joined and style != "quiet":
            way = "L".join(f"{spots[row][0]} {spots[row][1]}" for row in mine)
            drawn.append(element("path", d=f"M{way}", class_=f"way {style}"))
        dots = "".join(f"M{spots[row][0]} {spots[row][1]}h0" for row in mine)
        drawn.append(element("path", d=dots, class_=f"dots {style}"))
    inside = element("g", *drawn, transform=f"scale({1 / FINE})")
    return chart_figure(title, drawing(height, title, inside), legend, note=note)


def _spots(places: Places) -> tuple[list[tuple[int, int]], float]:
    """Grid places, both axes to the same scale, and how high the drawing is."""
    (left, right), (low, high) = ((min(v), max(v)) for v in (places.x, places.y))
    wide = max(right - left, (high - low) / TALLEST) or 1.0
    unit = (WIDTH - 2 * MARGIN) / wide
    height = (high - low) * unit + 2 * MARGIN
    spots = [
        (round((MARGIN + (x - left) * unit) * FINE), round((MARGIN + (high - y) * unit) * FINE))
        for x, y in zip(places.x, places.y, strict=True)
    ]
    return spots, height
