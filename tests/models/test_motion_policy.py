"""The motion policy: what a history gives it, beyond the laws of every model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.models.samples import CAMERAS, VOCABULARY, Samples, jaco_codec

from bydemo.core.images import View
from bydemo.models.base import Shapes
from bydemo.models.folder import shapes_for
from bydemo.models.motion_policy import Config, MotionPolicy


def shapes(history: int = 3, cameras: tuple[str, ...] = CAMERAS, size: int = 20) -> Shapes:
    return shapes_for(jaco_codec(), View(cameras=cameras, size=size), VOCABULARY, history=history)


def test_a_change_of_place_is_found_at_once() -> None:
    """The action is the present's difference from the step before: the linear path has it."""
    told = shapes(cameras=())
    torch.manual_seed(0)
    model = Config(hidden=16).build(told)
    samples = Samples(told, 256)
    width = len(told.proprioception) // 3
    felt = torch.from_numpy(samples.arrays["proprioception"])
    felt[:, :-width] = felt[:, -width:].repeat(1, 2) + 0.01 * felt[:, :-width]
    batch = samples.batch() | {"proprioception": felt, "valid": torch.ones(256, 1).bool()}
    places = felt.view(256, 3, width)
    batch["continuous"] = 100 * (places[:, 2] - places[:, 1])[:, None, :3]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(batch, torch.Generator()).mean.backward()
        optimiser.step()
    model.eval()
    left = (model.predict(batch).continuous - batch["continuous"]).square().mean()
    assert left < 0.02 * batch["continuous"].square().mean()


@pytest.mark.parametrize("size", [17, 20, 32])
def test_pictures_of_any_size_and_each_camera_its_own_eye(size: int) -> None:
    told = shapes(size=size)
    model = Config().build(told)
    assert len(model.eyes) == 2
    model.eval()
    batch = Samples(told, 3).batch()
    before = model.predict(batch).logits
    batch["image"][..., 3:] = 0
    assert not torch.equal(model.predict(batch).logits, before)


def test_without_pictures_or_prompt_it_reads_the_joints_alone() -> None:
    model = Config(prompt_width=0).build(shapes(cameras=()))
    model.eval()
    batch = Samples(shapes(cameras=()), 3).batch()
    told = model.predict(batch | {"prompt": torch.ones_like(batch["prompt"])})
    assert torch.equal(told.logits, model.predict(batch).logits)


def test_labels_alone_or_velocities_alone() -> None:
    for changed in ({"classes": ()}, {"continuous": 0}):
        told = replace(shapes(), **changed)
        model = Config().build(told)
        assert isinstance(model, MotionPolicy)
        said = model.predict(Samples(told, 4).batch())
        assert said.continuous.shape == (4, 1, told.continuous)
        assert said.logits.shape == (4, 1, sum(told.classes))
