"""The loop: what it records, which epoch it keeps, and when it stops."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.samples import Samples
from tests.training.toy import SHAPES, config, policy, rows, run, same_weights
from torch.nn import functional

from bydemo.core.errors import InputError, TrainingError
from bydemo.core.results import read_json
from bydemo.models.base import Batch, Losses
from bydemo.models.proprioception import ProprioceptionPolicy
from bydemo.nets.weights import read_tensors
from bydemo.training.loop import Update, train


def test_learns_and_fills_the_run_folder(tmp_path: Path) -> None:
    model, result = run(tmp_path, settings=config(epochs=12))
    assert result.stopped == "finished"
    assert (result.epochs, result.steps) == (12, 60)
    losses = [row["loss"] for row in rows(tmp_path, "train")]
    assert losses[-1] < 0.7 * losses[0]
    assert result.parameters == sum(p.numel() for p in model.parameters())
    first = rows(tmp_path, "train")[0]
    assert set(first) == {"kind", "epoch", "step", "seconds", "loss", "parts", "learning_rate",
                          "gradient_norm", "samples_per_second", "peak_memory_mb",
                          "activations"}  # fmt: skip
    assert list(first["activations"]) == [f"network.layers.{n}" for n in range(7)]
    assert all("activations" not in row for row in rows(tmp_path, "progress"))
    assert (first["epoch"], first["step"]) == (1, 5)
    assert 50 < first["peak_memory_mb"] < 5000
    assert first["loss"] == pytest.approx(sum(first["parts"].values()))


def test_validation_is_a_mean_over_samples(tmp_path: Path) -> None:
    """11 samples in batches of 8 and 3: a mean of batch means would be another number."""
    model, result = run(tmp_path, settings=config(epochs=1))
    batch = Samples(SHAPES, 11, seed=1).batch()
    with torch.no_grad():
        told = model.predict(batch)
    mse = functional.mse_loss(told.continuous, batch["continuous"])
    entropy = functional.cross_entropy(told.logits[:, 0], batch["labels"][:, 0, 0])
    row = rows(tmp_path, "validation")[0]
    assert row["parts"]["mse"] == pytest.approx(float(mse), rel=1e-5)
    assert row["parts"]["cross_entropy"] == pytest.approx(float(entropy), rel=1e-5)
    assert result.loss == row["loss"] == pytest.approx(float(mse + entropy), rel=1e-5)


def test_every_sample_once_an_epoch(tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    class Watched(Samples):
        def gather(self, rows: np.ndarray) -> dict:
            seen.append(rows)
            return super().gather(rows)

    train(policy(), Watched(SHAPES, 37), None, config(), tmp_path)
    assert [len(r) for r in seen] == [8, 8, 8, 8, 5] * 2
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    assert sorted(first) == sorted(second) == list(range(37))
    assert not np.array_equal(first, second)


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    """With a rate far too high the loss goes up again; the model must hold the lowest."""
    settings = config(epochs=8, learning_rate=0.2, keep=1)
    model, result = run(tmp_path, settings=settings)
    losses = [row["loss"] for row in rows(tmp_path, "validation")]
    best = int(np.argmin(losses)) + 1
    assert result.chosen_epoch == best < 8
    assert read_json(tmp_path / "best.json") == {
        "epoch": best, "step": best * 5, "checkpoint": f"epoch-{best:04d}", "loss": min(losses),
        "training_loss": rows(tmp_path, "train")[best - 1]["loss"],
    }  # fmt: skip
    assert result.training_loss == rows(tmp_path, "train")[best - 1]["loss"]
    kept = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert kept == [f"epoch-{best:04d}", "epoch-0008"]
    saved = read_tensors(tmp_path / "checkpoints" / kept[0] / "model.safetensors")
    assert all(torch.equal(saved[n], t) for n, t in model.state_dict().items())
    assert not model.training


def test_patience(tmp_path: Path) -> None:
    _, result = run(tmp_path, settings=config(epochs=50, learning_rate=0.2, patience=2))
    assert result.stopped == "patience"
    assert result.epochs == result.chosen_epoch + 2 < 50


def test_budget_stops_and_judges(tmp_path: Path) -> None:
    """A budget of nothing: one step, a validation, a checkpoint that can be chosen."""
    _, result = run(tmp_path, settings=config(minutes=1e-9))
    assert (result.stopped, result.steps, result.epochs) == ("budget", 1, 0)
    assert result.checkpoint == "epoch-0000-step-0000001"
    assert [row["epoch"] for row in rows(tmp_path, "validation")] == [1]


def test_same_seed_same_weights_and_not_otherwise(tmp_path: Path) -> None:
    a, _ = run(tmp_path / "a", settings=config())
    b, _ = run(tmp_path / "b", settings=config(prefetch=False, log_every=0))
    c, _ = run(tmp_path / "c", settings=config(seed=2))
    assert same_weights(a, b)
    assert not same_weights(a, c)


def test_validation_does_not_change_training(tmp_path: Path) -> None:
    with_validation = policy()
    run(tmp_path / "a", with_validation, settings=config(epochs=1))
    without = policy()
    train(without, Samples(SHAPES, 37), None, config(epochs=1), tmp_path / "b")
    assert same_weights(with_validation, without)


def test_averaged_weights_are_validated_and_kept(tmp_path: Path) -> None:
    """By hand: average <- d average + (1 - d) weights with d = min(0.9, (1 + n) / (10 + n))."""
    plain, expected = policy(), policy().state_dict()
    for steps in range(5):
        samples = Samples(SHAPES, 37)
        plain = policy()
        with contextlib.suppress(StopHereError):
            train(plain, samples, None, config(epochs=1), tmp_path / f"plain{steps}",
                  on_update=Stop(steps + 1))  # fmt: skip
        decay = min(0.9, (1 + steps) / (10 + steps))
        for name, tensor in plain.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * tensor
    model, _ = run(tmp_path / "ema", settings=config(epochs=1, ema=0.9))
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6)


class StopHereError(Exception):
    """Raised by a callback to leave a run where it stands."""


class Stop:
    """An update callback that leaves after so many steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, update: Update) -> None:
        if update.step == self.step:
            raise StopHereError


def test_updates_for_a_progress_bar(tmp_path: Path) -> None:
    updates: list[Update] = []
    run(tmp_path, settings=config(), on_update=updates.append)
    assert [u.step for u in updates] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10]
    assert {(u.steps, u.epochs) for u in updates} == {(10, 2)}
    assert [u.epoch for u in updates] == [1] * 6 + [2] * 6
    assert updates[4].validation is None
    assert updates[5].validation == rows(tmp_path, "validation")[0]["loss"]


class Breaking(ProprioceptionPolicy):
    """A policy whose loss, or gradient, breaks down at its seventh batch."""

    batches = 0
    how = "nan"

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        losses = super().loss(batch, generator)
        self.batches += self.training
        if self.batches != 7 or not self.training:
            return losses
        weight = self.network.layers[0].weight.sum()
        bad = {"nan": weight * math.nan, "inf": weight * math.inf,
               "gradient": (weight * 0).sqrt()}[self.how]  # fmt: skip
        return Losses(total=losses.total + bad, count=losses.count, parts=losses.parts)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", r"^step 7: the loss is nan \(mse [\d.]+, cross_entropy [\d.]+\), so training "
                r"stopped before the update \(learning rate 0\.01, seed 1\)$"),
        ("inf", "^step 7: the loss is (-?inf|nan)"),
        ("gradient", r"^step 7: the gradient's norm is (nan|inf), so training stopped before"),
    ],
)  # fmt: skip
def test_broken_loss_stops_before_the_update(tmp_path: Path, how: str, message: str) -> None:
    torch.manual_seed(0)
    model = Breaking(policy().config, SHAPES)
    model.how = how
    with pytest.raises(TrainingError, match=message):
        run(tmp_path, model, settings=config())
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert (tmp_path / "checkpoints" / "epoch-0001").is_dir()


def test_clipping_limits_the_gradient(tmp_path: Path) -> None:
    """The recorded norm is the unclipped one; with SGD-like tiny clips the weights barely move."""
    free, _ = run(tmp_path / "a", settings=config(epochs=1, adam_eps=1.0))
    tied, _ = run(tmp_path / "b", settings=config(epochs=1, adam_eps=1.0, clip=1e-3))
    start = policy()

    def moved(model: torch.nn.Module) -> float:
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        return float(sum((a - b).detach().abs().sum() for a, b in pairs))

    assert moved(tied) < 0.05 * moved(free)
    assert rows(tmp_path / "b", "train")[0]["gradient_norm"] > 0.01


def test_a_used_folder_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path, settings=config(epochs=1))
    with pytest.raises(InputError, match=r"checkpoints: already holds checkpoints: resume, or "):
        run(tmp_path, settings=config(epochs=1))


def test_fp16_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="'precision': 'fp16' needs a GPU, and this run is on the CPU; valid here"
    ):
        run(tmp_path, settings=config(precision="fp16"))
    assert not any(tmp_path.iterdir())


def test_bf16_is_close_to_fp32(tmp_path: Path) -> None:
    """And one process can train in one format after the other."""
    run(tmp_path / "a", settings=config())
    run(tmp_path / "b", settings=config(precision="bf16"))
    a, b = (rows(tmp_path / name, "validation")[-1]["loss"] for name in "ab")
    assert a != b
    assert a == pytest.approx(b, rel=0.05)


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    model = policy()
    model.network.layers[0].weight.requires_grad_(False)
    before = model.network.layers[0].weight.clone()
    run(tmp_path, model, settings=config(epochs=1))
    assert torch.equal(model.network.layers[0].weight, before)


def test_metrics_are_plain_json(tmp_path: Path) -> None:
    run(tmp_path, settings=config(log_every=2))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    once = ["progress", "progress", "train", "validation"]
    assert kinds == once * 2
