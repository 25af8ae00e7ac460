"""The confusion matrix of a classifier as a heatmap."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from bydemo.report.frame import WIDTH, chart_figure, drawing, nothing
from bydemo.report.svg import DASH, element, is_number


def confusion_matrix(
    counts: Sequence[Sequence[float]], classes: Sequence[str], *, title: str, note: str = ""
) -> Markup:
    """Rows: what was right; columns: what was predicted; shading: share of the row."""
    size = len(classes)
    if not size or len(counts) != size or any(len(row) != size for row in counts):
        return chart_figure(title, nothing(), note=note)
    left, top = 74, 40
    side = (WIDTH - left - 8) / size
    tall = min(side, 72.0)
    drawn = [
        element("text", "predicted", x=left + side * size / 2, y=12, class_="label middle"),
        element(
            "text", "actual", x=0, y=0, class_="label middle",
            transform=f"translate(12 {top + tall * size / 2:.1f}) rotate(-90)",
        ),
    ]  # fmt: skip
    for i, name in enumerate(classes):
        drawn.append(
            element("text", name, x=left + side * (i + 0.5), y=top - 8, class_="tick middle")
        )
        drawn.append(
            element("text", name, x=left - 6, y=top + tall * (i + 0.5) + 4, class_="tick end")
        )
        row_sum = sum(counts[i])
        for j in range(size):
            share = counts[i][j] / row_sum if row_sum else math.nan
            drawn += _cell(counts[i][j], share, left + side * j, top + tall * i, side, tall, i == j)
    return chart_figure(
        title, drawing(top + tall * size + 6, title, *drawn), note=note or "Shares are of each row."
    )


def _cell(
    count: float, share: float, x: float, y: float, width: float, height: float, hit: bool
) -> list[Markup]:
    middle_x, middle_y = x + width / 2, y + height / 2
    strong = " strong" if is_number(share) and share > 0.75 else ""
    opacity = 0.06 + 0.94 * share if is_number(share) else 0.03
    percent = f"{share:.0%}" if is_number(share) else DASH
    return [
        element(
            "rect", x=x + 1, y=y + 1, width=width - 2, height=height - 2, rx=3,
            class_=f"cell {'hit' if hit else 'miss'}", fill_opacity=opacity,
        ),
        element("text", percent, x=middle_x, y=middle_y + 1, class_=f"cell-share middle{strong}"),
        element(
            "text", f"{count:,.0f}", x=middle_x, y=middle_y + 17,
            class_=f"cell-count middle{strong}",
        ),
    ]  # fmt: skip
