"""Laws that every model keeps; a new file in `bydemo/models` is tested here by being there."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.models.samples import CAMERAS, VOCABULARY, Samples, jaco_codec, jaco_observation

from bydemo.core.config import to_plain
from bydemo.core.images import View
from bydemo.models import model_config, model_names
from bydemo.models.agent import Agent
from bydemo.models.base import Policy, Shapes, Trainable, config_name
from bydemo.models.encoder import Encoder
from bydemo.models.folder import shapes_for
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.nets.weights import load_into, read_tensors, write_tensors
from bydemo.training.loop import TrainingConfig, Update, train

SIZES = (32, 56, 112, 224)
every_model = pytest.mark.parametrize("name", model_names())


def build(name: str, chunk: int = 2, seed: int = 0) -> tuple[Trainable, Shapes]:
    """The model with its default configuration, for the smallest images that it takes."""
    config = model_config(name)
    for size in SIZES:
        view = View(cameras=CAMERAS, size=size)
        shapes = shapes_for(jaco_codec(), view, VOCABULARY, chunk)
        torch.manual_seed(seed)
        try:
            return config.build(shapes), shapes
        except ValueError:
            continue
    raise AssertionError(f"{name} builds for none of {SIZES} pixels")


def samples_for(name: str, shapes: Shapes, count: int) -> Samples:
    """Made-up samples with what such a model is given, and no more."""
    config = model_config(name)
    if isinstance(config, RepresentationConfig):
        return Samples(shapes, count, later=len(config.later), actions=False)
    return Samples(shapes, count)


def optimise(model: Trainable, samples: Samples, steps: int) -> list[float]:
    """Mean losses of so many Adam steps on one batch; pixels have farther to go than actions."""
    rate = 5e-3 if isinstance(model, Representation) else 1e-3
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    generator, batch, losses = torch.Generator().manual_seed(0), samples.batch(), []
    model.train()
    for _ in range(steps):
        loss = model.loss(batch, generator).mean
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@every_model
def test_loss_falls_in_30_steps(name: str) -> None:
    model, shapes = build(name)
    losses = optimise(model, samples_for(name, shapes, 8), 30)
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@every_model
def test_losses_are_sums(name: str) -> None:
    """Those of two parts of a batch add up to those of the whole, counts and all."""
    model, shapes = build(name)
    if isinstance(model, Representation) and model.contrastive:
        pytest.skip("its loss compares the samples of a batch")
    model.eval()
    batch = samples_for(name, shapes, 7).batch()

    def sums(rows: slice) -> dict[str, tuple[float, int]]:
        part = {key: tensor[rows] for key, tensor in batch.items()}
        with torch.no_grad():
            losses = model.loss(part, torch.Generator().manual_seed(0))
        entries = {"total": (losses.total, losses.count), **losses.parts}
        return {key: (float(value), count) for key, (value, count) in entries.items()}

    first, second, whole = sums(slice(3)), sums(slice(3, None)), sums(slice(None))
    assert first.keys() == second.keys() == whole.keys()
    for key, (value, count) in whole.items():
        assert count == first[key][1] + second[key][1] > 0, key
        assert value == pytest.approx(first[key][0] + second[key][0], rel=1e-3), key


@every_model
def test_weights_depend_only_on_the_seed(name: str) -> None:
    (a, _), (b, _), (c, _) = build(name), build(name), build(name, seed=1)
    same = [torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True)]
    assert all(same)
    assert any(not torch.equal(x, y) for x, y in zip(a.parameters(), c.parameters(), strict=True))


@every_model
def test_config_survives_json(name: str) -> None:
    config = model_config(name)
    assert config_name(config) == name
    assert model_config(name, json.loads(json.dumps(to_plain(config)))) == config


@every_model
def test_saved_weights_give_the_same_output(name: str, tmp_path: Path) -> None:
    model, shapes = build(name)
    samples = samples_for(name, shapes, 4)
    optimise(model, samples, 2)
    write_tensors(tmp_path / "w", model.state_dict())
    other, _ = build(name, seed=1)
    load_into(other, read_tensors(tmp_path / "w"), tmp_path / "w")
    totals = []
    for each in (model, other):
        each.eval()
        with torch.no_grad():
            totals.append(each.loss(samples.batch(), torch.Generator().manual_seed(0)).total)
    assert torch.equal(totals[0], totals[1])


@every_model
@pytest.mark.parametrize("ema", [None, 0.9])
def test_two_steps_resumed_to_four_are_four_straight(
    name: str, ema: float | None, tmp_path: Path
) -> None:
    """Bit for bit, from the middle of an epoch."""
    shapes = build(name)[1]
    samples = samples_for(name, shapes, 8)
    config = TrainingConfig(epochs=1, batch_size=2, ema=ema, device="cpu", seed=3)

    def leave(update: Update) -> None:
        if update.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    straight, cut, resumed = build(name)[0], build(name)[0], build(name, seed=9)[0]
    train(straight, samples, None, config, tmp_path / "a")
    with pytest.raises(SystemExit):
        train(cut, samples, None, config, tmp_path / "b", on_update=leave)
    train(resumed, samples, None, config, tmp_path / "b", resume=True)
    ours, theirs = straight.state_dict(), resumed.state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


@every_model
def test_trains_in_bf16(name: str, tmp_path: Path) -> None:
    model, shapes = build(name)
    config = TrainingConfig(epochs=1, batch_size=4, precision="bf16", device="cpu")
    result = train(
        model, samples_for(name, shapes, 8), samples_for(name, shapes, 4), config, tmp_path
    )
    assert result.steps == 2


def policy(name: str, chunk: int = 2) -> tuple[Policy, Shapes]:
    """The model as a policy in eval mode, a little trained; others are skipped."""
    model, shapes = build(name, chunk)
    if not isinstance(model, Policy):
        pytest.skip(f"{name} is no policy")
    optimise(model, samples_for(name, shapes, 8), 3)
    model.eval()
    return model, shapes


INPUTS = ("image", "proprioception", "prompt")


@every_model
def test_predicts_from_what_is_known_when_acting(name: str) -> None:
    """No target is needed, and the shapes are the chunk's."""
    model, shapes = policy(name)
    batch = samples_for(name, shapes, 5).batch()
    with torch.inference_mode():
        told = model.predict({key: batch[key] for key in INPUTS})
    assert told.continuous.shape == (5, 2, 3)
    assert told.logits.shape == (5, 2, 3)
    assert torch.isfinite(told.continuous).all()
    assert torch.isfinite(told.logits).all()


@every_model
def test_batch_mates_and_repetition_do_not_matter(name: str) -> None:
    model, shapes = policy(name)
    batch = samples_for(name, shapes, 5).batch()
    with torch.inference_mode():
        together, again = model.predict(batch), model.predict(batch)
        assert torch.equal(together.continuous, again.continuous)
        for row in range(5):
            alone = model.predict({key: tensor[row : row + 1] for key, tensor in batch.items()})
            torch.testing.assert_close(alone.continuous[0], together.continuous[row],
                                       rtol=1e-4, atol=1e-5)  # fmt: skip
            torch.testing.assert_close(alone.logits[0], together.logits[row], rtol=1e-4, atol=1e-5)


@every_model
def test_saved_agent_acts_the_same(name: str, tmp_path: Path) -> None:
    model, shapes = policy(name, chunk=1)
    agent = Agent(model=model, config=model_config(name), codec=jaco_codec(), view=shapes.view,
                  vocabulary=VOCABULARY)  # fmt: skip
    agent.save_pretrained(tmp_path)
    loaded, observation = Agent.from_pretrained(tmp_path), jaco_observation()
    actions = []
    for each in (agent, loaded):
        each.reset(0, "pick up the apple fruit")
        actions.append(each.act(observation))
    torch.testing.assert_close(torch.from_numpy(actions[0]), torch.from_numpy(actions[1]),
                               rtol=1e-4, atol=1e-5)  # fmt: skip


@every_model
def test_several_label_parts_or_none(name: str) -> None:
    """Another robot: two label parts of 2 and 4 classes; and one without any."""
    _, shapes = build(name)
    for classes in ((2, 4), ()):
        other = replace(shapes, classes=classes, continuous=5)
        torch.manual_seed(0)
        model = model_config(name).build(other)
        losses = optimise(model, samples_for(name, other, 6), 2)
        assert all(loss == loss for loss in losses)


def representation(name: str) -> tuple[Representation, Shapes]:
    """The model as a representation in eval mode, a little trained; others are skipped."""
    model, shapes = build(name)
    if not isinstance(model, Representation):
        pytest.skip(f"{name} is no representation")
    optimise(model, samples_for(name, shapes, 8), 3)
    model.eval()
    return model, shapes


@every_model
def test_a_representation_is_configured_without_actions(name: str) -> None:
    """By the type of its configuration, which nothing can change."""
    model, _ = build(name)
    alone = isinstance(model_config(name), RepresentationConfig)
    assert alone == isinstance(model, Representation)


@every_model
def test_latents_depend_on_nothing_else_in_the_batch(name: str) -> None:
    model, shapes = representation(name)
    batch = Samples(shapes, 5, actions=False).batch()
    with torch.inference_mode():
        together, again = model.encode(batch), model.encode(batch)
        assert together.shape == (5, model.latent_size)
        assert together.dtype == torch.float32
        assert torch.equal(together, again)
        for row in range(5):
            alone = model.encode({key: tensor[row : row + 1] for key, tensor in batch.items()})
            torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@every_model
def test_what_is_decoded_looks_like_what_was_encoded(name: str) -> None:
    model, shapes = representation(name)
    batch = Samples(shapes, 3, actions=False).batch()
    with torch.inference_mode():
        found = model.reconstruct(batch)
        figures = model.diagnostics(samples_for(name, shapes, 3).batch())
    assert set(found) <= {"image", "proprioception"}
    for key, tensor in found.items():
        assert tensor.shape == batch[key].shape, key
        assert tensor.dtype == torch.float32, key
    if "image" in found:
        assert 0 <= float(found["image"].min()) <= float(found["image"].max()) <= 1
    assert all(len(figure) == 3 for figure in figures.values())


@every_model
def test_saved_encoder_gives_the_same_latents(name: str, tmp_path: Path) -> None:
    model, shapes = representation(name)
    config = model_config(name)
    assert isinstance(config, RepresentationConfig)
    encoder = Encoder(model=model, config=config, codec=jaco_codec(), view=shapes.view,
                      vocabulary=VOCABULARY)  # fmt: skip
    encoder.save_pretrained(tmp_path)
    loaded, seen = Encoder.from_pretrained(tmp_path), [jaco_observation(0), jaco_observation(1)]
    told = ["pick up the apple fruit", ""]
    torch.testing.assert_close(
        torch.from_numpy(loaded.encode(seen, told)), torch.from_numpy(encoder.encode(seen, told)),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
