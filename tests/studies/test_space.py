"""What a search may try."""

from __future__ import annotations

import json

import pytest

from bydemo.core.errors import InputError
from bydemo.studies.space import Choice, Range, even


def test_points_stay_inside_and_fewer_are_a_part_of_more() -> None:
    space = {"a": Range(1e-5, 1e-1, log=True), "b": Range(2, 4, whole=True),
             "c": Choice((None, "x", (1, 2)))}  # fmt: skip
    many = even(space, 200, 3)
    assert many[:20] == even(space, 20, 3)
    assert many[:20] != even(space, 20, 4)
    assert all(1e-5 <= point["a"] <= 1e-1 for point in many)
    assert {point["b"] for point in many} == {2, 3, 4}
    assert all(isinstance(point["b"], int) for point in many)
    assert {json.dumps(point["c"]) for point in many} == {"null", '"x"', "[1, 2]"}
    counts = [sum(10.0**e <= p["a"] < 10.0 ** (e + 1) for p in many) for e in (-5, -4, -3, -2)]
    assert all(40 <= count <= 60 for count in counts)  # each order of magnitude alike
    each = [sum(p["b"] == n for p in many) for n in (2, 3, 4)]
    assert max(each) - min(each) < 12


def test_values_survive_the_database() -> None:
    choice = Choice((True, None, 0.5, ("relu", "none")))
    assert [choice.meant(choice.stored(v)) for v in choice.values] == list(choice.values)


@pytest.mark.parametrize("make", [
    lambda: Choice((1,)), lambda: Range(1, 1), lambda: Range(0, 1, log=True),
])  # fmt: skip
def test_what_is_no_range_is_refused(make: object) -> None:
    with pytest.raises(InputError, match="field 'space'"):
        make()  # type: ignore[operator]
