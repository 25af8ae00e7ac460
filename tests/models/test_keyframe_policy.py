"""Our policy looks where it is told, and does not see what is hidden from it."""

from __future__ import annotations

import pytest
import torch

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.images import View
from bydemo.models.base import Shapes
from bydemo.models.keyframe_policy import Config, KeyframePolicy

NAMES = ("pose.position",) * 2 + ("pose.tilt", "speed.linear", "hand.fingers")


def shapes(size: int = 32) -> Shapes:
    return Shapes(
        view=View(cameras=("front", "wrist"), size=size), proprioception=NAMES, continuous=2,
        classes=(3,), vocabulary=6, prompt_length=3,
    )  # fmt: skip


def build(**changes: object) -> KeyframePolicy:
    torch.manual_seed(0)
    fields = {"width": 8, "hidden": 16, "embedding": 8, "foresee": ("pose.position",),
              "still": ("front",), "ignore": ("speed",)}  # fmt: skip
    return Config(**{**fields, **changes}).build(shapes()).eval()  # type: ignore[arg-type]


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return {
        "image": torch.randint(0, 256, (count, 32, 32, 6), generator=random, dtype=torch.uint8),
        "proprioception": torch.randn(count, 5, generator=random),
        "prompt": torch.randint(2, 6, (count, 3), generator=random),
        "continuous": torch.rand(count, 1, 2, generator=random),
        "labels": torch.randint(0, 3, (count, 1, 1), generator=random),
        "valid": torch.ones(count, 1, dtype=torch.bool),
        "keyframe": torch.randn(count, 5, generator=random),
    }


def changed(policy: KeyframePolicy, name: str, column: int | None = None) -> bool:
    """Does the answer depend on this input?"""
    before, varied = batch(), batch()
    if column is None:
        varied[name] = varied[name].flip(0)
    else:
        varied[name][:, column] += 1
    with torch.no_grad():
        first, second = policy.predict(before), policy.predict(varied)
    return not torch.equal(first.continuous, second.continuous)


def test_ignored_fields_are_not_seen() -> None:
    policy = build()
    assert not changed(policy, "proprioception", 3)
    assert changed(policy, "proprioception", 4)
    assert changed(build(ignore=()), "proprioception", 3)


def test_the_prompt_can_be_hidden() -> None:
    assert changed(build(), "prompt")
    assert not changed(build(use_prompt=False), "prompt")


def test_the_robots_place_enters_only_as_the_way_left() -> None:
    """Moving the robot moves the first forecast by exactly as much, the other way."""
    policy, here, there = build(), batch(), batch()
    there["proprioception"][:, :2] += 0.7
    with torch.no_grad():
        first, second = policy(here)[2].first, policy(there)[2].first
    torch.testing.assert_close(second, first - 0.7)


def test_the_maps_learn_where_the_named_thing_is() -> None:
    """Two coloured squares; the word says which one. Places are learned, then found in new
    pictures, with no forecast and no action to help."""
    policy = build(dropout=0.0, place=5.0).train()
    optimiser = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)

    def squares(count: int, seed: int) -> dict[str, torch.Tensor]:
        random = torch.Generator().manual_seed(seed)
        made = {k: v.repeat(count // 4, *[1] * (v.ndim - 1)) for k, v in batch().items()}
        spots = torch.randint(2, 26, (count, 2, 2), generator=random)
        word = torch.randint(0, 2, (count,), generator=random)
        image = torch.full((count, 32, 32, 6), 90, dtype=torch.uint8)
        for i in range(count):
            for colour, (x, y) in enumerate(spots[i].tolist()):
                image[i, y : y + 5, x : x + 5, colour::3] = 250
        named = spots[torch.arange(count), word].float() + 2
        made |= {"image": image, "prompt": (word[:, None] + 2).repeat(1, 3)}
        made["keyframe_place"] = (named / 15.5 - 1)[:, None].repeat(1, 2, 1)
        made["keyframe_visible"] = torch.ones(count, 2, dtype=torch.bool)
        return made

    for step in range(60):
        optimiser.zero_grad()
        policy.loss(squares(32, step), generator).mean.backward()
        optimiser.step()
    policy.eval()
    test = squares(64, 999)
    with torch.no_grad():
        lit = policy(test)[2].maps[0]
    best = lit.flatten(1).argmax(1)
    found = torch.stack([best % lit.shape[2], best // lit.shape[2]], 1) / (lit.shape[1] - 1) * 2 - 1
    near = (found - test["keyframe_place"][:, 0]).abs().amax(1) < 0.3
    assert near.float().mean() > 0.8


def test_what_it_cannot_be_built_of_is_named() -> None:
    with pytest.raises(InputError, match="field 'width': is less than 2"):
        build(width=0)
    with pytest.raises(UnknownNameError, match="'psoe'"):
        build(ignore=("psoe",))
