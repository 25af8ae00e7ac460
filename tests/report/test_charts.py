import math
import re
import xml.etree.ElementTree as ET

import pytest

from bydemo.report.charts import (
    Bar,
    Mark,
    Series,
    bar_chart,
    confusion_matrix,
    histogram,
    line_chart,
)


def parsed(figure):
    return ET.fromstring(str(figure))


def texts(figure):
    return [node.text for node in parsed(figure).iter("text")]


def test_every_chart_is_well_formed_even_with_hostile_names():
    name = '<script>alert("x")</script>&'
    for figure in (
        line_chart(
            [Series(name=name, x=[1, 2], y=[1, 2])], title=name, marks=[Mark(x=1, text=name)]
        ),
        bar_chart([Bar(name=name, value=1.0, low=0.5, high=2.0, note=name)], title=name),
        histogram([1, 2], [0, 1, 2], title=name, other=[2, 1], names=(name, name)),
        confusion_matrix([[1, 2], [3, 4]], [name, "b"], title=name),
    ):
        assert "<script" not in figure
        assert name in "".join(parsed(figure).itertext())


def test_missing_values_leave_a_gap_instead_of_a_bridge_or_a_zero():
    figure = line_chart(
        [Series(name="a", x=[0, 1, 2, 3], y=[1.0, None, math.nan, 2.0], points=True)], title="t"
    )
    path = next(n for n in parsed(figure).iter("path") if "line" in n.get("class"))
    assert path.get("d").count("M") == 2
    assert "L" not in path.get("d")
    assert len(list(parsed(figure).iter("circle"))) == 2


def test_a_first_loss_far_above_the_rest_is_cut_off_and_said_so():
    figure = line_chart(
        [Series(name="a", x=range(100), y=[1000.0] + [1.0 + i / 100 for i in range(99)])], title="t"
    )
    assert "Values up to 1,000 are cut off at the top." in figure
    assert "800" not in texts(figure)


def test_an_undefined_bar_is_a_dash_without_a_bar():
    figure = bar_chart([Bar(name="a", value=None), Bar(name="b", value=0.5)], title="t")
    assert "\u2013" in texts(figure)
    assert len(list(parsed(figure).iter("rect"))) == 1


def test_a_bar_says_its_value_with_its_interval():
    figure = bar_chart([Bar(name="p", value=0.93, low=0.86, high=0.97)], title="t", percent=True)
    assert "93\u00a0%  [86, 97\u00a0%]" in texts(figure)
    whisker = next(n for n in parsed(figure).iter("path") if n.get("class") == "whisker")
    places = [float(x) for x in re.findall(r"M([\d.]+) ", whisker.get("d"))]
    assert places[0] < places[1]


def test_negative_bars_begin_at_zero_and_go_left():
    figure = bar_chart([Bar(name="a", value=-1.0), Bar(name="b", value=1.0)], title="t")
    left, right = list(parsed(figure).iter("rect"))
    assert float(left.get("x")) + float(left.get("width")) == pytest.approx(float(right.get("x")))


def test_no_figures_are_said_rather_than_drawn():
    for figure in (
        line_chart([], title="t"),
        bar_chart([], title="t"),
        histogram([], [0], title="t"),
        confusion_matrix([[1]], ["a", "b"], title="t"),
    ):
        assert "No figures." in figure


def test_a_confusion_matrix_shades_by_row_share_and_counts_with_an_empty_row():
    figure = confusion_matrix([[5255, 110], [0, 0]], ["stay", "close"], title="t")
    shown = texts(figure)
    assert [shown[shown.index(text) + 1] for text in ("98%", "2%")] == ["5,255", "110"]
    assert shown.count("\u2013") == 2


def test_equal_axes_have_equal_scales():
    figure = line_chart(
        [Series(name="a", x=[0, 1, 1, 0, 0], y=[0, 0, 1, 1, 0])], title="t", equal=True
    )
    path = next(n for n in parsed(figure).iter("path") if "line" in n.get("class")).get("d")
    points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", path)[1:]]
    width = abs(points[1][0] - points[0][0])
    height = abs(points[2][1] - points[1][1])
    assert width == pytest.approx(height, abs=0.2)
