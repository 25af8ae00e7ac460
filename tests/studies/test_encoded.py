"""Self-supervised runs and the policies on them: no action is seen, no frozen weight moves."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.small import episode, write_dataset
from tests.studies.test_run import small_experiment

from bydemo.core.errors import InputError
from bydemo.core.results import read_json, read_lines
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.models.agent import Agent
from bydemo.models.encoder import Encoder
from bydemo.nets.weights import state_hash
from bydemo.studies import encoded
from bydemo.studies.judging import judge_offline
from bydemo.studies.run import train_run

SMALL_VAE = {"model.widths": (4,), "model.latent": 5}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("encoded") / "data"
    small = write_dataset(path, lengths=(6, 5, 7, 6, 5, 8, 6, 7, 5, 6))
    return write_splits(small, make_split(small, "random"))


@pytest.fixture(scope="module")
def encoder(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "vae"
    train_run(small_experiment(dataset, "vae", **SMALL_VAE), dataset, run, recipe="jaco_play.vae")
    return run


def head(dataset: Dataset, encoder: Path | str, **changes: Any) -> Any:
    fields = {"model.encoder": str(encoder), "model.widths": (8,), **changes}
    return small_experiment(dataset, "vae_head", **fields)


def trained(dataset: Dataset, run: Path, experiment: Any, **options: Any) -> dict[str, Any]:
    train_run(experiment, dataset, run, recipe="jaco_play.vae_head", **options)
    return read_json(run / "results.json")["training"]


class Forbidden(Dataset):
    """A dataset that nobody may read the actions of."""

    @property
    def action(self) -> Any:
        raise AssertionError("the action was read")

    def array(self, name: str) -> Any:
        assert name != "action", "the action was read"
        return super().array(name)


@pytest.mark.parametrize("recipe", ["vae", "representation"])
def test_the_action_is_out_of_reach(dataset: Dataset, recipe: str, tmp_path: Path) -> None:
    """From preparing to the finished run; a policy's run does read it."""
    held = {f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset)}
    forbidden = Forbidden(**{**held, "_mapped": {}})
    small = SMALL_VAE if recipe == "vae" else {"model.width": 8, "model.hidden": 16}
    experiment = small_experiment(dataset, recipe, **small)
    train_run(experiment, forbidden, tmp_path / "run", recipe=f"jaco_play.{recipe}")
    assert Encoder.from_pretrained(tmp_path / "run").latents(forbidden).shape[0] == dataset.steps
    with pytest.raises(AssertionError, match="the action was read"):
        train_run(small_experiment(dataset, "blind"), forbidden, tmp_path / "p", recipe="x.blind")


def test_a_run_of_a_representation_says_what_each_modality_costs(encoder: Path) -> None:
    assert read_json(encoder / "model" / "config.json")["kind"] == "representation"
    rows = [row for row in read_lines(encoder / "metrics.jsonl") if row["kind"] == "validation"]
    assert set(rows[-1]["parts"]) == {"image", "proprioception", "kl"}


def test_a_frozen_encoder_is_proven_to_be_one(
    dataset: Dataset, encoder: Path, tmp_path: Path
) -> None:
    figures = trained(dataset, tmp_path / "head", head(dataset, encoder))
    state = state_hash(Encoder.from_pretrained(encoder).model)
    assert figures["frozen"] == {"before": state, "after": state}
    assert figures["parameters"] < figures["parameters_in_all"]
    tuned = head(dataset, encoder, **{"model.encoder_training": "finetuned"})
    assert "frozen" not in trained(dataset, tmp_path / "tuned", tuned)
    random = head(dataset, encoder, **{"model.encoder_training": "random"})
    other = trained(dataset, tmp_path / "random", random)["frozen"]
    assert other["before"] == other["after"] != state


def test_latents_kept_give_the_losses_of_the_encoder(
    dataset: Dataset, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(dataset, tmp_path / "kept", head(dataset, encoder, **{"training.epochs": 3}))
    monkeypatch.setattr("bydemo.studies.run.with_latents", lambda prepared, *_: prepared)
    trained(dataset, tmp_path / "through", head(dataset, encoder, **{"training.epochs": 3}))
    kept, through = (
        [(row["kind"], row["step"], row["loss"]) for row in read_lines(tmp_path / file)]
        for file in ("kept/metrics.jsonl", "through/metrics.jsonl")
    )
    assert [row[:2] for row in kept] == [row[:2] for row in through]
    np.testing.assert_allclose([r[2] for r in kept], [r[2] for r in through], rtol=1e-4)


def test_a_saved_agent_needs_no_other_folder(
    dataset: Dataset, encoder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "encoder"
    shutil.copytree(encoder, copy)
    trained(dataset, tmp_path / "head", head(dataset, copy))
    seen = {n: a[0] for n, a in episode(99, 4).observation.items()}
    actions = []
    for _ in range(2):
        agent = Agent.from_pretrained(tmp_path / "head")
        agent.reset(0, "pick up the thing 3")
        actions.append(agent.act(seen))
        shutil.rmtree(copy, ignore_errors=True)
    np.testing.assert_array_equal(*actions)
    assert "policy" in judge_offline(tmp_path / "head", ["test"])["offline"]["test"]["candidates"]


def test_a_policy_sees_what_its_encoder_saw(dataset: Dataset, encoder: Path) -> None:
    """Its scaling and words too, however few of the episodes are labelled."""
    few = head(dataset, encoder, **{"data.episodes": 1})
    found = encoded.encoder_of(few)
    assert found is not None
    from bydemo.studies.prepare import prepare

    prepared = prepare(few.data, dataset, few.model, found)
    assert prepared.vocabulary == found.vocabulary
    theirs, ours = found.codec.proprioception, prepared.codec.proprioception
    np.testing.assert_array_equal(theirs.offset, ours.offset)
    with pytest.raises(InputError, match=r"'data\.view': is View\(.*the encoder of .* was trained"):
        encoded.encoder_of(head(dataset, encoder, **{"data.view.size": 4}))
    with pytest.raises(InputError, match=r"'model\.encoder': names no run folder"):
        encoded.encoder_of(head(dataset, ""))


def test_going_on_with_another_encoder_is_refused(
    dataset: Dataset, encoder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "encoder"
    shutil.copytree(encoder, copy)
    trained(dataset, tmp_path / "head", head(dataset, copy))
    shutil.rmtree(copy)
    other = small_experiment(dataset, "vae", **SMALL_VAE, **{"training.seed": 5})
    train_run(other, dataset, copy, recipe="jaco_play.vae")
    with pytest.raises(InputError, match=r"'experiment\.model': differs from what the run was"):
        trained(dataset, tmp_path / "head", head(dataset, copy), resume=True)
