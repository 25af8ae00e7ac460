"""What every chart stands in: the figure with its caption and legend, the drawing, the grid."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from bydemo.report.svg import Axis, element

WIDTH = 360
"""Drawing units across every chart; the page scales them to the box."""
COLOURS = 8
"""How many series colours the style sheet defines; further series begin again."""


def chart_figure(title: str, svg: Markup, *below: Markup, note: str = "") -> Markup:
    """The `<figure>` around a drawing: title above, legend and note below."""
    caption = element("figcaption", title) if title else Markup("")
    remark = element("p", note, class_="note") if note else Markup("")
    return element("figure", caption, svg, *below, remark, class_="chart-box")


def grid_of(x_axis: Axis, y_axis: Axis, x_label: str, y_label: str, height: float) -> list[Markup]:
    """Horizontal grid lines, both axes with their round labels, and what they measure."""
    out = []
    for y, text in y_axis.labels(4):
        out.append(element("line", x1=x_axis.start, x2=x_axis.end, y1=y, y2=y, class_="grid"))
        out.append(element("text", text, x=x_axis.start - 6, y=y + 4, class_="tick end"))
    for x, text in x_axis.labels(6):
        out.append(element("line", x1=x, x2=x, y1=y_axis.start, y2=y_axis.start + 4, class_="axis"))
        near_edge = x + text_width(text, 11.5) / 2 > WIDTH - 1
        spot = WIDTH - 2.0 if near_edge else x
        side = "end" if near_edge else "middle"
        out.append(element("text", text, x=spot, y=y_axis.start + 17, class_=f"tick {side}"))
    base = y_axis.start
    out.append(element("line", x1=x_axis.start, x2=x_axis.end, y1=base, y2=base, class_="axis"))
    middle = (x_axis.start + x_axis.end) / 2
    if x_label:
        out.append(element("text", x_label, x=middle, y=height - 6, class_="label middle"))
    if y_label:
        place = f"translate(10 {(y_axis.start + y_axis.end) / 2:.1f}) rotate(-90)"
        out.append(element("text", y_label, x=0, y=0, transform=place, class_="label middle"))
    return out


def swatches(names: Sequence[tuple[str, str]]) -> Markup:
    """A legend of (name, CSS class) pairs; one that repeats is shown once."""
    unique = [pair for number, pair in enumerate(names) if pair[0] and pair not in names[:number]]
    items = [
        element("span", element("i", class_=f"swatch {style}"), name) for name, style in unique
    ]
    return element("div", *items, class_="legend")


def drawing(height: float, title: str, *children: Markup) -> Markup:
    """The svg element that scales to its box; `title` is what a screen reader says."""
    return element(
        "svg", *children,
        viewBox=f"0 0 {WIDTH} {height:.0f}", class_="chart", role="img", aria_label=title,
    )  # fmt: skip


def text_width(text: str, size: float) -> float:
    """About how many drawing units wide `text` is in letters of `size`."""
    return sum(0.32 if c in "il.,;:'|!()[] \u00a0" else 0.58 for c in text) * size


def fitted(text: str, width: float, size: float) -> str:
    """`text`, cut short with an ellipsis where it is wider than `width` drawing units."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}\u2026", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}\u2026"


def nothing() -> Markup:
    """Stands where a chart has no finite figure to draw."""
    return element("p", "No figures.", class_="note")


def robust_top(values: Sequence[float]) -> float:
    """The largest value that is no outlier: what lies over three times the 95 % range is one."""
    ordered = sorted(values)
    low, usual = ordered[0], ordered[int(0.95 * (len(ordered) - 1))]
    limit = low + 3 * (usual - low)
    return ordered[-1] if ordered[-1] <= limit or limit <= low else max(
        v for v in ordered if v <= limit
    )  # fmt: skip


def same_scale(x_axis: Axis, y_axis: Axis) -> tuple[Axis, Axis]:
    """Both axes widened around their middles until a unit is as long on both."""
    units_x = (x_axis.high - x_axis.low) / abs(x_axis.end - x_axis.start)
    units_y = (y_axis.high - y_axis.low) / abs(y_axis.end - y_axis.start)
    scale = max(units_x, units_y)

    def widened(axis: Axis) -> Axis:
        half = scale * abs(axis.end - axis.start) / 2
        middle = (axis.low + axis.high) / 2
        return Axis(middle - half, middle + half, axis.start, axis.end)

    return widened(x_axis), widened(y_axis)
