"""Scatter plots of numbered points, with the names below: one figure against another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import WIDTH, chart_figure, drawing, grid_of, nothing, text_width
from bydemo.report.svg import Axis, LogAxis, Number, element, figure, is_number

RADIUS = 4.0
SPREAD = 30.0
"""A positive figure that varies by more than this factor is drawn on a logarithmic axis."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A named point; one without both coordinates is left out."""

    name: str
    x: Number
    y: Number
    colour: int = 0


def scatter_chart(
    spots: Sequence[Spot], *, title: str, x_label: str = "", y_label: str = "",
    log: bool | None = None, named: bool = True, note: str = "",
) -> Markup:  # fmt: skip
    """Points of `y` over `x`; `log`: a logarithmic horizontal axis, chosen by the spread unless
    given. `named` numbers the points and lists their names."""
    known = [(s, float(s.x), float(s.y)) for s in spots if is_number(s.x) and is_number(s.y)]
    if not known:
        return chart_figure(title, nothing(), note=note)
    height = 270
    left, right, upper, lower = 56 + RADIUS, WIDTH - 20, 16, height - 48
    xs = [x for _, x, _ in known]
    if log is None:
        log = min(xs) > 0 and max(xs) > SPREAD * min(xs)
    x_axis = LogAxis.around(xs, left, right) if log else Axis.of(xs, left, right)
    y_axis = Axis.of([y for _, _, y in known], lower, upper)
    places = [(x_axis.at(x), y_axis.at(y)) for _, x, y in known]
    drawn = []
    for (spot, x, y), (cx, cy) in zip(known, places, strict=True):
        said = element("title", f"{spot.name}: {figure(x, 4)}, {figure(y, 4)}")
        drawn.append(element("circle", said, cx=cx, cy=cy, r=RADIUS, class_=f"dot c{spot.colour}"))
    numbers = _numbers(places) if named else []
    grid = grid_of(
        x_axis, _wider(y_axis, lower + 10), x_label, y_label, height
    )  # fmt: skip
    svg = drawing(height, title, *grid, *drawn, *numbers)
    names = [element("li", spot.name) for spot, _, _ in known]
    key = element("ol", *names, class_="key") if named else Markup("")
    return chart_figure(title, svg, key, note=note)


def _wider(axis: Axis, start: float) -> Axis:
    """The same scale, begun a little below the lowest point, so that dots keep off the axis."""
    unit = (axis.high - axis.low) / (axis.end - axis.start)
    return Axis(axis.low + unit * (start - axis.start), axis.high, start, axis.end)


Box = tuple[float, float, float, float]


def _numbers(places: Sequence[tuple[float, float]]) -> list[Markup]:
    """Each point's number beside it, where it hides no point and no other number."""
    taken: list[Box] = [
        (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in places
    ]  # fmt: skip
    out = []
    for number, (x, y) in enumerate(places, start=1):
        wide = text_width(str(number), 11.5)
        boxes = [(x + dx - wide / 2, y + dy - 5, x + dx + wide / 2, y + dy + 5)
                 for distance in (11.0, 17.0, 24.0)
                 for dx, dy in _around(distance)]  # fmt: skip
        free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
        box = free[0] if free else boxes[0]
        taken.append(box)
        middle = (box[0] + box[2]) / 2
        out.append(element("text", str(number), x=middle, y=box[3] - 1, class_="tick middle"))
    return out


def _around(distance: float) -> list[tuple[float, float]]:
    slant = 0.75 * distance
    return [(distance, 0), (0, -distance), (-distance, 0), (0, distance),
            (slant, -slant), (-slant, -slant), (slant, slant), (-slant, slant)]  # fmt: skip


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
