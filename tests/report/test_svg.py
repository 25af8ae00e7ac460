import itertools
import math

import pytest
from markupsafe import Markup

from bydemo.report.svg import Axis, element, figure, percent, short, ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.08234, "0.0823"), (123456, "123,456"), (-0.5, "\u22120.500"), (0, "0"), (1, "1.00"),
     (None, "\u2013"), (math.nan, "\u2013"), (math.inf, "\u2013"), (2.5e-7, "2.5e\u221207")],
)  # fmt: skip
def test_a_figure_has_three_significant_digits_and_undefined_ones_a_dash(value, text):
    assert figure(value) == text


def test_percentages_keep_their_sign_on_the_line():
    assert percent(0.931) == "93\u00a0%"
    assert percent(-0.05, 1) == "\u22125.0\u00a0%"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.31, 0.22), (3, 4000), (1e-6, 3e-6)])
def test_ticks_are_round_even_and_within(low, high):
    found = ticks(low, high)
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert 3 <= len(found) <= 8
    assert all(low - 1e-12 <= value <= high * (1 + 1e-12) for value in found)
    assert steps == pytest.approx([steps[0]] * len(steps))
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6


def test_neighbouring_axis_labels_differ():
    axis = Axis.of([0.0401, 0.0409], 0, 100)
    labels = [text for _, text in axis.labels(4)]
    assert len(set(labels)) == len(labels) > 1


def test_an_axis_of_one_value_has_room_and_zero_is_included_on_request():
    assert Axis.of([5.0], 0, 1).low < 5 < Axis.of([5.0], 0, 1).high
    assert Axis.of([0.0], 0, 1, zero=True).high > 0
    assert Axis.of([3.0, 4.0], 0, 1, zero=True).low == 0
    assert Axis.of([], 0, 1).at(0.5) == 0.5


def test_text_and_attributes_are_escaped_and_markup_is_not():
    drawn = element("text", "<b>", Markup("<i/>"), class_='a"b', stroke_width=1.50, x=None)
    assert drawn == '<text class="a&#34;b" stroke-width="1.5">&lt;b&gt;<i/></text>'


def test_short_labels_of_large_and_small_values():
    assert short(200000, 50000) == "2.0e5"
    assert short(0.05, 0.05) == "0.05"
