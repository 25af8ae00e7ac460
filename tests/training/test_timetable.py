"""How many steps there are, after which of them the model is judged, and which weights are kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from tests.models.samples import Samples
from tests.training.toy import SHAPES, config, policy, rows, run, same_weights

from bydemo.core.results import read_json
from bydemo.nets.weights import read_tensors
from bydemo.training.loop import Update, train
from bydemo.training.timetable import MOST, Timetable


def table(epoch: int, **changes: object) -> Timetable:
    return Timetable.of(config(**{"epochs": None, **changes}), epoch)


def judged(timetable: Timetable) -> list[int]:
    return [done for done in range(1, timetable.steps + 1) if timetable.ends_round(done)]


def test_few_epochs_are_rounds_of_their_own() -> None:
    assert judged(table(5, epochs=4)) == [5, 10, 15, 20]
    assert judged(table(1, epochs=MOST)) == list(range(1, MOST + 1))


def test_the_same_steps_however_many_samples() -> None:
    """Ten episodes or a thousand of 100 steps in batches of 256: rounds are whole epochs."""
    for epoch in (4, 391):
        timetable = table(epoch, steps=20_000)
        assert (timetable.steps, timetable.every % epoch) == (20_000, 0)
        assert 20_000 / MOST <= timetable.every < 20_000 / MOST + epoch
        assert len(judged(timetable)) <= MOST
        assert judged(timetable)[-1] == 20_000


@pytest.mark.parametrize("epochs", [1, 49, 51, 99, 100, 1234])
def test_never_more_than_the_most(epochs: int) -> None:
    timetable = table(3, epochs=epochs)
    assert timetable.steps == 3 * epochs
    assert timetable.epochs == epochs
    assert min(epochs, MOST / 2) <= len(judged(timetable)) <= MOST


def test_as_often_as_asked_for_and_at_the_end() -> None:
    assert judged(table(5, epochs=2, validate_every=4)) == [4, 8, 10]
    assert judged(table(5, steps=7, validate_every=100)) == [7]


def test_fewer_steps_than_an_epoch() -> None:
    timetable = table(390, steps=7)
    assert judged(timetable) == [7]
    assert timetable.epochs == 1


def test_the_last_weights_are_kept_where_asked_for(tmp_path: Path) -> None:
    """Validation is a record then: its losses rise, and it changes no bit."""
    settings = config(epochs=6, learning_rate=0.2, choose="last")
    model, result = run(tmp_path / "a", settings=settings)
    losses = [row["loss"] for row in rows(tmp_path / "a", "validation")]
    assert min(losses) < losses[-1] == result.loss
    assert (result.chosen_epoch, result.chosen_step, result.steps) == (6, 30, 30)
    assert read_json(tmp_path / "a" / "best.json")["checkpoint"] == "epoch-0006"
    alone = policy()
    without = train(alone, Samples(SHAPES, 37), None, settings, tmp_path / "b")
    assert same_weights(model, alone)
    assert rows(tmp_path / "b", "validation") == []
    assert without.loss is None
    assert without.training_loss == rows(tmp_path / "b", "train")[-1]["loss"]


def test_the_last_weights_are_the_averaged_ones(tmp_path: Path) -> None:
    settings = config(epochs=2, ema=0.9, choose="last")
    model, _ = run(tmp_path, settings=settings)
    average = read_tensors(tmp_path / "checkpoints" / "epoch-0002" / "average.safetensors")
    raw = read_tensors(tmp_path / "checkpoints" / "epoch-0002" / "model.safetensors")
    assert all(torch.equal(average[n], t) for n, t in model.state_dict().items())
    assert not all(torch.equal(raw[n], t) for n, t in model.state_dict().items())


def test_so_many_steps_are_as_many_in_epochs(tmp_path: Path) -> None:
    a, _ = run(tmp_path / "a", settings=config(epochs=3, schedule="cosine"))
    b, _ = run(tmp_path / "b", settings=config(epochs=None, steps=15, schedule="cosine"))
    assert same_weights(a, b)


def test_steps_that_end_within_an_epoch(tmp_path: Path) -> None:
    """Seven steps of five an epoch: judged after the first epoch and at the end."""
    updates: list[Update] = []
    settings = config(epochs=None, steps=7, choose="last")
    _, result = run(tmp_path, settings=settings, on_update=updates.append)
    assert (result.stopped, result.steps, result.epochs) == ("finished", 7, 1)
    assert (result.chosen_epoch, result.chosen_step) == (2, 7)
    assert result.checkpoint == "epoch-0001-step-0000007"
    validated = [(row["epoch"], row["step"]) for row in rows(tmp_path, "validation")]
    assert validated == [(1, 5), (2, 7)]
    assert {(u.steps, u.epochs) for u in updates} == {(7, 2)}


def test_validated_every_so_many_steps(tmp_path: Path) -> None:
    """Rows and checkpoints follow; a `train` row is a mean over its own round."""
    _, result = run(tmp_path, settings=config(epochs=2, validate_every=4, log_every=1, keep=3))
    for kind in ("train", "validation"):
        assert [(r["epoch"], r["step"]) for r in rows(tmp_path, kind)] == [(1, 4), (2, 8), (2, 10)]
    whole, progress = rows(tmp_path, "train"), rows(tmp_path, "progress")
    assert [r["step"] for r in progress] == [1, 2, 3, 5, 6, 7, 9]
    assert progress[3]["loss"] != progress[2]["loss"]
    # The last round: step 9 of 8 samples, step 10 of 5.
    fifth = whole[2]["loss"] * 13 - progress[6]["loss"] * 8
    assert 0 < fifth / 5 < 10
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == ["epoch-0000-step-0000004", "epoch-0001-step-0000008", "epoch-0002"]
    best = min(rows(tmp_path, "validation"), key=lambda r: r["loss"])
    assert (result.chosen_step, result.loss) == (best["step"], best["loss"])


def test_tiny_data_is_not_checkpointed_every_epoch(tmp_path: Path) -> None:
    """400 epochs of one step each: at most 50 rounds of whole epochs."""
    samples = Samples(SHAPES, 8)
    result = train(policy(), samples, samples, config(epochs=400, log_every=0), tmp_path)
    assert (result.epochs, result.steps) == (400, 400)
    assert [r["step"] for r in rows(tmp_path, "validation")] == list(range(8, 401, 8))


def test_a_step_does_not_search_the_import_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapped optimiser did, for half the time of a small network's step."""
    searched: list[tuple[int, str]] = []
    find, now = importlib.util.find_spec, [0]

    def watched(name: str, package: str | None = None) -> object:
        searched.append((now[0], name))
        return find(name, package)

    def step(update: Update) -> None:
        now[0] = update.step

    monkeypatch.setattr(importlib.util, "find_spec", watched)
    run(tmp_path, settings=config(epochs=1), on_update=step)
    assert [name for done, name in searched if 1 <= done <= 4] == []
