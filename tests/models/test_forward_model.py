"""What is foreseen: the ways from where the robot is, by what it may look at alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.samples import CAMERAS, Samples, reference_shapes

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.images import View
from bydemo.models.forward_model import Config, ForwardModel

SHAPES = replace(
    reference_shapes(),
    view=View(cameras=CAMERAS, size=16),
    proprioception=("ee_position.position",) * 3
    + ("ee_velocity.linear",) * 3
    + ("joint_position.fingers",) * 2,
    vocabulary=9,
    prompt_length=4,
)
FORESEEN = ("ee_position", "joint_position.fingers")
SMALL = {"width": 4, "hidden": 16, "embedding": 8, "latent": 24, "foresee": FORESEEN,
         "later": (1, 3), "still": CAMERAS[:1]}  # fmt: skip


def build(**options: Any) -> ForwardModel:
    torch.manual_seed(0)
    return Config(**{**SMALL, **options}).build(SHAPES)


def batch(count: int = 6) -> dict[str, torch.Tensor]:
    return Samples(SHAPES, count, later=2, actions=False).batch()


def test_the_latent_holds_the_way_and_the_foreseen_parts_now() -> None:
    model, seen = build().eval(), batch()
    with torch.no_grad():
        told = model.foresee(seen)
    now = seen["proprioception"][:, [0, 1, 2, 6, 7]]
    assert torch.equal(told.latent[:, :5], told.refined)
    assert torch.equal(told.latent[:, 5:10], now)


@pytest.mark.parametrize(
    ("options", "component", "matters"),
    [
        ({"ignore": ("ee_velocity",)}, 4, False),
        ({}, 4, True),
        ({"relative": ("ee_position",)}, 1, True),  # by the way that is left
    ],
)
def test_what_is_ignored_does_not_matter(options: Any, component: int, matters: bool) -> None:
    model, seen = build(**options).eval(), batch()
    changed = seen["proprioception"].clone()
    changed[:, component] += 1
    with torch.no_grad():
        one, other = (model.encode({**seen, "proprioception": p})
                      for p in (seen["proprioception"], changed))  # fmt: skip
    assert torch.equal(one, other) != matters


def test_a_place_that_is_relative_moves_the_first_way_and_nothing_before() -> None:
    model, seen = build(relative=("ee_position",)).eval(), batch()
    moved = seen["proprioception"].clone()
    moved[:, :3] += 0.5
    with torch.no_grad():
        one, other = model.foresee(seen), model.foresee({**seen, "proprioception": moved})
    torch.testing.assert_close(
        one.first - other.first, torch.tensor([0.5] * 3 + [0, 0]).expand(6, 5)
    )
    assert all(torch.equal(a, b) for a, b in zip(one.maps, other.maps, strict=True))


def test_the_prompt_can_be_hidden() -> None:
    seen = batch()
    other = {**seen, "prompt": (seen["prompt"] + 1) % 9}
    for shown in (True, False):
        model = build(use_prompt=shown).eval()
        with torch.no_grad():
            assert torch.equal(model.encode(seen), model.encode(other)) != shown


def test_parts_are_named_and_places_count_where_they_show() -> None:
    model, seen = build(), batch()
    generator = torch.Generator()
    assert set(model.loss(seen, generator).parts) == {"later", "keyframe"}
    visible = torch.zeros(6, 2, dtype=torch.bool)
    visible[:4, 0] = True
    placed = {**seen, "keyframe_place": torch.zeros(6, 2, 2), "keyframe_visible": visible}
    found = model.loss(placed, generator).parts
    assert found["place"][1] == 4
    assert found["later"][1] == found["keyframe"][1] == 6


def test_figures_stand_beside_those_of_standing_still() -> None:
    found = build().eval().diagnostics(batch())
    assert found["later"].shape == found["later_standing_still"].shape == (6, 2, 5)
    assert found["keyframe"].shape == found["keyframe_standing_still"].shape == (6, 5)
    now = {name: batch()[name] for name in ("image", "proprioception", "prompt")}
    assert build().eval().diagnostics(now) == {}


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InputError, match=r"'latent': is 10, expected more than 10: the foreseen"):
        build(latent=10)
    with pytest.raises(InputError, match="'later': names no distance"):
        build(later=())
    with pytest.raises(InputError, match="needs at least one camera"):
        Config().build(replace(SHAPES, view=View(cameras=())))
    with pytest.raises(UnknownNameError, match="there is no part of the proprioception named 'ee_"):
        build(ignore=("ee_speed",))
