import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from bydemo.report.charts import Series, Spot, Strip, line_chart, scatter_chart, strip_chart
from bydemo.report.svg import LogAxis, rounded

HOSTILE = '<script>alert("x")</script>&'


def parsed(figure):
    return ET.fromstring(str(figure))


def of_class(figure, name):
    return [n for n in parsed(figure).iter() if name in (n.get("class") or "").split()]


def texts(figure):
    return [node.text for node in parsed(figure).iter("text")]


def test_each_dot_lies_where_its_value_is_and_missing_ones_are_left_out():
    dots = [("seed 1", 10.0), ("seed 2", None), ("seed 3", 30.0), ("seed 4", 20.0)]
    figure = strip_chart([Strip(name="a", dots=dots)], title="t")
    places = [float(n.get("cx")) for n in of_class(figure, "dot")]
    assert len(places) == 3
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)
    assert [n[0].text for n in of_class(figure, "dot")] == [
        "seed 1: 10.0",
        "seed 4: 20.0",
        "seed 3: 30.0",
    ]


def test_equal_values_are_stacked_instead_of_hidden():
    figure = strip_chart([Strip(name="a", dots=[("s", 1.0)] * 100 + [("t", 2.0)])], title="t")
    heights = {n.get("cy") for n in of_class(figure, "dot")}
    assert len(heights) > 50


def test_a_mean_without_interval_has_no_whisker_and_no_mean_no_diamond():
    bare = strip_chart([Strip(name="a", value=1.0), Strip(name="b")], title="t")
    assert len(of_class(bare, "mean")) == 1
    assert of_class(bare, "whisker") == []
    assert "\u2013" in texts(bare)
    full = strip_chart([Strip(name="a", value=1.0, low=0.5, high=2.0)], title="t")
    assert len(of_class(full, "whisker")) == 1


def test_a_long_name_is_cut_short_and_its_figure_goes_below():
    long = "our policy with all that was ever tried, at ten per cent of the labels, twice"
    figure = strip_chart([Strip(name=long, value=1.0, said="92.4 [90.5, 94.3]")], title="t")
    name, said = (n for n in of_class(figure, "bar-name") + of_class(figure, "said"))
    assert "".join(name.itertext()).endswith("\u2026")
    assert name[0].text == long
    assert float(said.get("y")) > float(name.get("y"))


def test_differences_show_where_nought_is():
    figure = strip_chart([Strip(name="a", value=5.0, low=4.0, high=6.0)], title="t", zero=True)
    zero = of_class(figure, "zero")[0]
    mean = of_class(figure, "mean")[0]
    assert float(zero.get("x1")) < float(re.match(r"M([\d.]+)", mean.get("d")).group(1))


def test_points_of_a_scatter_plot_are_numbered_without_hiding_each_other():
    spots = [Spot(name=f"arm {k}", x=1.0 + 0.001 * k, y=1.0) for k in range(8)]
    figure = scatter_chart([*spots, Spot(name="gone", x=None, y=1.0)], title="t")
    assert len(of_class(figure, "dot")) == 8
    assert [n.text for n in parsed(figure).iter("li")] == [f"arm {k}" for k in range(8)]
    numbers = [n for n in of_class(figure, "middle") if n.text in set("12345678")][-8:]
    assert len({(n.get("x"), n.get("y")) for n in numbers}) == 8


def test_a_wide_spread_of_positive_figures_gets_a_logarithmic_axis():
    figure = scatter_chart([Spot(name="a", x=10.0**k, y=1.0) for k in range(-4, 1)], title="t")
    places = [float(n.get("cx")) for n in of_class(figure, "dot")]
    gaps = [b - a for a, b in pairwise(places)]
    assert max(gaps) == pytest.approx(min(gaps), abs=0.1)


def test_a_curve_over_few_numbers_of_episodes_names_these():
    line = Series(name="plain", x=[10, 50, 200, 1000], y=[76, 91, 92, 95], points=True,
                  low=[70, 90, 90, None], high=[80, 92, 94, None], whiskers=True)  # fmt: skip
    figure = line_chart([line], title="t", log=True)
    assert {"10", "50", "200", "1,000"} <= set(texts(figure))
    assert of_class(figure, "spread")[0].get("d").count("V") == 3


def test_a_logarithmic_axis_is_one_of_equal_ratios():
    axis = LogAxis.around([1.0, 100.0], 0.0, 200.0)
    assert axis.at(10.0) == pytest.approx(100.0)
    wide = LogAxis.around([10.0 ** (k / 5) for k in range(-25, 0)], 0.0, 300.0)
    assert [text for _, text in wide.labels(6)] == [
        "1e\u22125",
        "1e\u22124",
        "0.001",
        "0.01",
        "0.1",
    ]


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [(-22.553, 0.34, "\u221222.55"), (-22.553, 0.65, "\u221222.6"), (76.2, 6.0, "76"),
     (0.00123, 1e-5, "0.001230"), (1234.5, 40.0, "1,234"), (2.2, 0.0, "2.20"),
     (2.2, 1e-16, "2.20"), (None, 0.1, "\u2013"), (99.7, None, "99.7")],
)  # fmt: skip
def test_decimals_follow_the_uncertainty(value, half, text):
    assert rounded(value, half) == text


def test_hostile_names_stay_text_in_strips_and_scatter_plots():
    for figure in (
        strip_chart([Strip(name=HOSTILE, dots=[(HOSTILE, 1.0)], note=HOSTILE)], title=HOSTILE),
        scatter_chart([Spot(name=HOSTILE, x=1.0, y=1.0)], title=HOSTILE, x_label=HOSTILE),
    ):
        assert "<script" not in figure
        assert HOSTILE in "".join(parsed(figure).itertext())


def test_nothing_to_draw_is_said():
    assert "No figures." in strip_chart([Strip(name="a", dots=[("s", None)])], title="t")
    assert "No figures." in scatter_chart([Spot(name="a", x=None, y=1.0)], title="t")
