"""Charts as inline SVG: lines, bars, strips of dots, histograms, scatter plots and confusion
matrices, in the page's colours.

Every function returns a whole `<figure>` as `Markup`, ready for a template. Charts are drawn
360 units wide and scale with their box, so that text stays readable from 360 px upwards;
colours are CSS classes (`c0`...), so that one drawing serves light and dark pages. A figure that
is `None` or not finite is left out, never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import (
    COLOURS,
    WIDTH,
    chart_figure,
    drawing,
    grid_of,
    nothing,
    swatches,
)
from bydemo.report.heatmap import confusion_matrix
from bydemo.report.lines import Mark, Series, legend_of, line_chart
from bydemo.report.scatter import Spot, scatter_chart
from bydemo.report.strips import Strip, strip_chart
from bydemo.report.svg import DASH, PERCENT, Axis, Number, element, figure, finite, is_number
from bydemo.report.svg import percent as share_text

__all__ = [
    "COLOURS",
    "Bar", "Mark", "Series", "Spot", "Strip", "bar_chart", "confusion_matrix", "histogram",
    "legend_of", "line_chart", "scatter_chart", "strip_chart",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A named figure with its interval; `quiet` bars (baselines) are drawn in grey."""

    name: str
    value: Number
    low: Number = None
    high: Number = None
    note: str = ""
    colour: int = 0
    quiet: bool = False


def bar_chart(
    bars: Sequence[Bar], *, title: str, unit: str = "", percent: bool = False, note: str = ""
) -> Markup:
    """Horizontal bars with interval whiskers, one under the other, each labelled above itself."""
    ends = finite(v for bar in bars for v in (bar.value, bar.low, bar.high))
    if not ends:
        return chart_figure(title, nothing(), note=note)
    if percent:
        ends = [*ends, 0.0, 1.0]
    axis = Axis.of(ends, 4, WIDTH - 6, zero=True)
    drawn: list[Markup] = []
    height = 6
    for bar in bars:
        drawn += _bar(bar, axis, height, unit, percent)
        height += 50 if bar.note else 36
    zero = element(
        "line", x1=axis.at(0), x2=axis.at(0), y1=2, y2=height - 2, class_="axis"
    )  # fmt: skip
    return chart_figure(title, drawing(height, title, *drawn, zero), note=note)


def histogram(
    counts: Sequence[float],
    edges: Sequence[float],
    *,
    title: str,
    x_label: str = "",
    other: Sequence[float] = (),
    names: tuple[str, str] = ("", ""),
    note: str = "",
) -> Markup:
    """Bars of `counts` between `edges` (one more than counts), as shares of their total.

    `other` overlays a second distribution over the same edges as an outline.
    """
    total, other_total = sum(counts), sum(other)
    if not total or len(edges) != len(counts) + 1:
        return chart_figure(title, nothing(), note=note)
    shares = [count / total for count in counts]
    others = [count / other_total for count in other] if other_total else []
    height = 200
    left, right, upper, lower = 56, WIDTH - 10, 10, height - 40
    x_axis = Axis.of([edges[0], edges[-1]], left, right)
    y_axis = Axis.of([*shares, *others], lower, upper, zero=True)
    drawn = [
        element(
            "rect",
            element("title", f"{figure(low)} to {figure(high)}: {share:.1%}"),
            x=x_axis.at(low),
            y=y_axis.at(share),
            width=max(x_axis.at(high) - x_axis.at(low) - 0.6, 0.4),
            height=lower - y_axis.at(share),
            class_="bar c0",
        )
        for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
    ]
    if others:
        drawn.append(_outline(others, edges, x_axis, y_axis))
    grid = grid_of(x_axis, y_axis, x_label, "share", height)
    legend = swatches([(names[0], "c0"), (names[1], "c1")]) if others else Markup("")
    return chart_figure(title, drawing(height, title, *grid, *drawn), legend, note=note)


def _bar(bar: Bar, axis: Axis, y: float, unit: str, percent: bool) -> list[Markup]:
    def said(value: Number) -> str:
        if not is_number(value) or value is None:
            return DASH
        return share_text(value) if percent else figure(value)

    text = said(bar.value) + (f" {unit}" if unit and bar.value is not None else "")
    if is_number(bar.low) and is_number(bar.high):
        text += f"  [{said(bar.low).removesuffix(PERCENT)}, {said(bar.high)}]"
    kind = "quiet" if bar.quiet else f"c{bar.colour % COLOURS}"
    drawn = [
        element("text", bar.name, x=axis.start, y=y + 11, class_="bar-name"),
        element("text", text, x=axis.end, y=y + 11, class_="tick end"),
    ]
    if bar.note:
        drawn.append(element("text", bar.note, x=axis.start, y=y + 41, class_="tick"))
    if not is_number(bar.value) or bar.value is None:
        return drawn
    start, end = sorted((axis.at(0), axis.at(bar.value)))
    drawn.append(
        element(
            "rect", x=start, y=y + 16, width=max(end - start, 1.0), height=12, rx=2,
            class_=f"bar {kind}",
        )
    )  # fmt: skip
    if bar.low is not None and bar.high is not None and is_number(bar.low) and is_number(bar.high):
        a, b, middle = axis.at(bar.low), axis.at(bar.high), y + 22
        path = f"M{a:.1f} {middle - 4}v8M{b:.1f} {middle - 4}v8M{a:.1f} {middle}H{b:.1f}"
        drawn.append(element("path", d=path, class_="whisker"))
    return drawn


def _outline(shares: Sequence[float], edges: Sequence[float], x_axis: Axis, y_axis: Axis) -> Markup:
    path = f"M{x_axis.at(edges[0]):.1f} {y_axis.start:.1f}"
    for edge, share in zip(edges[1:], shares, strict=True):
        path += f"V{y_axis.at(share):.1f}H{x_axis.at(edge):.1f}"
    return element("path", d=f"{path}V{y_axis.start:.1f}", class_="line c1")
