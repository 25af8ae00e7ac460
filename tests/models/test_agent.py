"""An agent acts on raw observations, the same before and after it was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.samples import VOCABULARY, grey_view, jaco_agent, jaco_codec, jaco_observation

from bydemo.core.codec import Codec
from bydemo.core.errors import CheckpointError, InputError
from bydemo.core.images import View
from bydemo.core.results import read_json, sha256, write_json
from bydemo.core.sealed_folder import MANIFEST
from bydemo.models.acting import ActingOptions
from bydemo.models.agent import Agent
from bydemo.models.behavior_cloning import Config as BehaviorCloning
from bydemo.models.folder import shapes_for
from bydemo.models.proprioception import Config as Proprioception

NO_CAMERA = View(cameras=())


def blind(chunk: int = 1, options: ActingOptions | None = None) -> Agent:
    agent = jaco_agent(Proprioception(prompt_width=8), view=NO_CAMERA, chunk=chunk)
    agent.options = options or ActingOptions()
    return agent


def test_raw_observation_in_raw_action_out() -> None:
    """By hand: view, codec, model, codec back, limits."""
    agent = jaco_agent(BehaviorCloning(), view=grey_view(32))
    observation = jaco_observation()
    agent.reset(0, "pick up the apple fruit")
    batch = {
        "image": torch.from_numpy(agent.view.of(observation))[None],
        "proprioception": torch.from_numpy(agent.codec.encode_observation(observation))[None],
    }
    with torch.no_grad():
        told = agent.model.predict(batch)
    expected = agent.codec.action.decode(told.continuous[0, 0].numpy()).clip(-0.2, 0.2)
    action = agent.act(observation)
    assert action.shape == (4,)
    assert action.dtype == np.float32
    np.testing.assert_allclose(action[:3], expected, rtol=1e-5, atol=1e-6)
    assert action[3] == int(told.logits[0, 0].argmax())


def test_action_is_within_the_limits() -> None:
    agent = blind()
    with torch.no_grad():
        agent.model.network.layers[-1].bias.fill_(100.0)
    assert (agent.act(jaco_observation())[:3] == np.float32(0.2)).all()


def test_broken_model_gives_nan_rather_than_a_choice() -> None:
    agent = blind()
    with torch.no_grad():
        agent.model.network.layers[-1].bias.fill_(float("nan"))
    assert np.isnan(agent.act(jaco_observation())).all()


def test_deterministic_and_prompt_dependent() -> None:
    agent, observation = blind(), jaco_observation()
    agent.reset(0, "pick up the apple fruit")
    first = agent.act(observation)
    agent.reset(7, "pick up the apple fruit")
    np.testing.assert_array_equal(agent.act(observation), first)
    agent.reset(0, "place the green cup in the sink")
    assert not np.array_equal(agent.act(observation), first)


def test_one_action_encodes_the_observation_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy of measured states is asked hundreds of times a second."""
    agent, seen = blind(), []
    encode = Codec.encode_observation
    monkeypatch.setattr(Codec, "encode_observation", lambda *a: seen.append(1) or encode(*a))
    alone = agent.act(jaco_observation())
    assert len(seen) == 1
    np.testing.assert_array_equal(agent.act_batch([jaco_observation()], [""])[0], alone)


def test_batch_mates_do_not_matter() -> None:
    agent = jaco_agent(BehaviorCloning(), view=grey_view(32))
    many = [jaco_observation(seed) for seed in range(5)]
    together = agent.act_batch(many, ["pick up the apple fruit"] * 5)
    for observation, expected in zip(many, together, strict=True):
        np.testing.assert_allclose(agent.act(observation), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("whole_run", [False, True])
def test_saved_and_loaded_is_the_same(tmp_path: Path, whole_run: bool) -> None:
    agent = jaco_agent(BehaviorCloning(activation="relu", dropout=0.4), view=grey_view(32))
    agent.options = ActingOptions(label_bias=(1.0, 0.0, 2.0))
    agent.save_pretrained(tmp_path / "run" / "model")
    loaded = Agent.from_pretrained(tmp_path / "run" if whole_run else tmp_path / "run" / "model")
    assert (loaded.config, loaded.view, loaded.vocabulary, loaded.options, loaded.chunk) == (
        agent.config, agent.view, VOCABULARY, agent.options, 1)  # fmt: skip
    assert loaded.spec == agent.spec
    observation = jaco_observation()
    np.testing.assert_allclose(loaded.act(observation), agent.act(observation), atol=1e-6)


def test_sampling_follows_the_distribution_and_the_seed(tmp_path: Path) -> None:
    blind(options=ActingOptions(labels="sample")).save_pretrained(tmp_path)
    agent, observation = Agent.from_pretrained(tmp_path), jaco_observation()
    agent.reset(3, "")
    drawn = [int(agent.act(observation)[3]) for _ in range(600)]
    agent.reset(3, "")
    assert drawn == [int(agent.act(observation)[3]) for _ in range(600)]
    batch = agent.encode([observation], VOCABULARY.encode("")[None])
    expected = agent.predict(batch).probabilities[0, 0]
    assert expected.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 600, expected, atol=0.07)


def test_not_deterministic_on_demand(tmp_path: Path) -> None:
    blind().save_pretrained(tmp_path)
    assert Agent.from_pretrained(tmp_path, deterministic=False).options.labels == "sample"


def test_label_bias_moves_the_choice() -> None:
    for choice in range(3):
        bias = tuple(100.0 if i == choice else 0.0 for i in range(3))
        assert blind(options=ActingOptions(label_bias=bias)).act(jaco_observation())[3] == choice
    with pytest.raises(InputError, match="'label_bias': 2 numbers, expected 3: one a class"):
        Agent(model=blind().model, config=Proprioception(), codec=jaco_codec(), view=NO_CAMERA,
              vocabulary=VOCABULARY, options=ActingOptions(label_bias=(1.0, 2.0)))  # fmt: skip


def test_observation_must_be_what_it_was_trained_on() -> None:
    agent = jaco_agent(BehaviorCloning(), view=grey_view(32))
    good = jaco_observation()
    with pytest.raises(InputError, match="field 'mount_cam': missing; the agent was trained on it"):
        agent.act({k: v for k, v in good.items() if k != "mount_cam"})
    with pytest.raises(
        InputError, match=r"'front_cam': is \(224, 224, 3\) float32, the agent was .* uint8"
    ):
        agent.act(good | {"front_cam": good["front_cam"].astype(np.float32)})
    with pytest.raises(InputError, match=r"'ee_velocity': is \(3,\) float32, .*\(6,\) float32"):
        agent.act(good | {"ee_velocity": np.zeros(3, np.float32)})
    with pytest.raises(InputError, match="'ee_velocity': is not finite"):
        agent.act(good | {"ee_velocity": np.full(6, np.nan, np.float32)})


def test_flipped_byte_in_the_weights(tmp_path: Path) -> None:
    blind().save_pretrained(tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged"):
        Agent.from_pretrained(tmp_path)


def test_folders_that_hold_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no such folder"):
        Agent.from_pretrained(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no trained model: .*is its training finished\?"):
        Agent.from_pretrained(tmp_path)


def test_another_schema(tmp_path: Path) -> None:
    blind().save_pretrained(tmp_path)
    write_json(tmp_path / "config.json", read_json(tmp_path / "config.json") | {"schema": "x/9"})
    with pytest.raises(CheckpointError, match=r"config\.json: damaged"):
        Agent.from_pretrained(tmp_path)
    manifest = read_json(tmp_path / MANIFEST)
    del manifest["sha256"]["config.json"]
    write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(InputError, match=r"field 'schema': is 'x/9', expected 'bydemo\.model/1'"):
        Agent.from_pretrained(tmp_path)


def changed(folder: Path, name: str, content: dict[str, Any]) -> None:
    """The JSON file replaced, and the folder sealed again as if it had been written so."""
    write_json(folder / name, content)
    manifest = read_json(folder / MANIFEST)
    manifest["sha256"][name] = sha256(folder / name)
    write_json(folder / MANIFEST, manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history": None}, "field 'history': is None, expected a whole number"),
        ({"chunk": "two"}, "field 'chunk': is 'two', expected a whole number"),
        ({"view": {"cameras": [], "sise": 3}}, "no field of view named 'sise'.*Did you mean 'size"),
        ({"model": "proprioceptoin"}, "no model named 'proprioceptoin'"),
        ({"config": {"width": 3}}, "no field of proprioception named 'width'"),
        ({"options": {"labels": "best"}}, "field 'labels': 'best' is none of argmax, sample"),
    ],
)
def test_a_wrong_field_of_the_description_is_named(tmp_path: Path, change, message) -> None:
    blind().save_pretrained(tmp_path)
    changed(tmp_path, "config.json", read_json(tmp_path / "config.json") | change)
    with pytest.raises(InputError, match=rf"config\.json(, |: ).*{message}"):
        Agent.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["model", "config", "view", "vocabulary", "chunk", "history"])
def test_a_missing_field_of_the_description_is_named(tmp_path: Path, name: str) -> None:
    blind().save_pretrained(tmp_path)
    saved = read_json(tmp_path / "config.json")
    del saved[name]
    changed(tmp_path, "config.json", saved)
    with pytest.raises(InputError) as caught:
        Agent.from_pretrained(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'config.json'}, field '{name}': missing"


def test_a_codec_without_its_statistics_is_named(tmp_path: Path) -> None:
    blind().save_pretrained(tmp_path)
    saved = read_json(tmp_path / "codec.json")
    del saved["action"]
    changed(tmp_path, "codec.json", saved)
    with pytest.raises(InputError, match=r"codec\.json, field 'action': the codec lacks 'action'"):
        Agent.from_pretrained(tmp_path)


def test_history_is_what_was_seen_before_oldest_first() -> None:
    """Three steps: the first observation is repeated until there are enough."""
    agent = blind()
    agent = Agent(
        model=agent.config.build(shapes_for(agent.codec, NO_CAMERA, VOCABULARY, history=3)),
        config=agent.config, codec=agent.codec, view=NO_CAMERA, vocabulary=VOCABULARY, history=3,
    )  # fmt: skip
    one, two = jaco_observation(1), jaco_observation(2)
    agent.reset(0, "")
    agent.act(one)
    told = agent.act(two)
    felt = [agent.codec.encode_observation(o) for o in (one, one, two)]
    batch = {"proprioception": np.concatenate(felt)[None], "prompt": VOCABULARY.encode("")[None]}
    np.testing.assert_array_equal(told, agent.predict(batch).action[0, 0])
    agent.reset(0, "")
    assert not np.array_equal(agent.act(two), told)
    with pytest.raises(InputError, match="field 'history': is 3"):
        agent.act_batch([one], [""])
