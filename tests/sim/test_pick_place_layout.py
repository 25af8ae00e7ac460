import math

import numpy as np
import pytest

from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.kitchen_receptacles import RECEPTACLES
from bydemo.sim.pick_place_layout import STANDING_REGION, Layout, Randomisation, draw_layout


def drawn(seed: int, template: str, **changes: object) -> Layout:
    fields: dict[str, object] = {
        "template": template,
        "objects": tuple(OBJECTS),
        "receptacles": tuple(RECEPTACLES),
        "count": (3, 5),
        "randomisation": Randomisation(),
        **changes,
    }
    return draw_layout(np.random.default_rng(seed), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["pick", "place"])
def test_the_same_generator_gives_the_same_layout(template) -> None:
    assert drawn(3, template) == drawn(3, template)
    assert drawn(3, template) != drawn(4, template)


@pytest.mark.parametrize("template", ["pick", "place"])
def test_what_is_named_is_there_and_nothing_overlaps(template) -> None:
    for seed in range(100):
        layout = drawn(seed, template)
        held = 1 if template == "place" else 0
        assert 3 <= len(layout.objects) + held <= 5
        assert (layout.target in layout.objects) == (template == "pick")
        if layout.receptacle is not None and RECEPTACLES[layout.receptacle].movable:
            assert layout.receptacle in layout.dishes
        spots = [(*s[:2], OBJECTS[n].radius) for n, s in layout.objects.items()]
        spots += [(*s, RECEPTACLES[n].radius) for n, s in layout.dishes.items()]
        for i, (x, y, r) in enumerate(spots):
            assert STANDING_REGION.x[0] <= x <= STANDING_REGION.x[1]
            assert STANDING_REGION.y[0] <= y <= STANDING_REGION.y[1]
            assert all(math.hypot(x - a, y - b) > r + q for a, b, q in spots[:i])


def test_every_object_and_receptacle_is_named_about_equally_often() -> None:
    layouts = [drawn(seed, "place") for seed in range(400)]
    for attribute, names in (("target", OBJECTS), ("receptacle", RECEPTACLES)):
        counts = [sum(getattr(x, attribute) == n for x in layouts) for n in names]
        assert min(counts) > 0.4 * 400 / len(names)


def test_prompts_are_those_of_the_recordings() -> None:
    assert drawn(0, "pick", objects=("apple fruit",)).instruction == "pick up the apple fruit"
    placed = drawn(0, "place", objects=("apple fruit",), receptacles=("dish rack",))
    assert placed.instruction == "place the apple fruit in the dish rack"


def test_one_object_and_no_dish_is_a_layout_too() -> None:
    layout = drawn(0, "pick", objects=("milk dairy",), receptacles=("sink",), count=(1, 1))
    assert list(layout.objects) == ["milk dairy"]
    assert layout.dishes == {}
