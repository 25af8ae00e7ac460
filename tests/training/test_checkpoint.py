"""Checkpoints: whole or not there, the right ones kept, nothing lost to a full disk."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.toy import config, policy, run, same_weights

from bydemo.core import sealed_folder
from bydemo.core.errors import CheckpointError, StorageError
from bydemo.core.results import read_json, write_json
from bydemo.core.sealed_folder import MANIFEST, verify_folder
from bydemo.nets.weights import read_tensors
from bydemo.training import checkpoint as checkpoints
from bydemo.training.checkpoint import (
    Best,
    CheckpointFolder,
    TrainingState,
    checkpoint_name,
    load_optimiser,
    optimiser_tensors,
)
from bydemo.training.loop import Update
from bydemo.training.step import build_optimiser

STATE = TrainingState(
    step=7, epoch=1, seconds=1.25, worse_epochs=1,
    best=Best(epoch=1, step=5, checkpoint="epoch-0001", loss=0.5),
    sums={"loss": (1.5, 3)},
)  # fmt: skip


def trained() -> tuple[Any, Any]:
    """A model and an optimiser that has state."""
    model = policy()
    optimiser = build_optimiser(model, config())
    sum(p.square().sum() for p in model.parameters()).backward()
    optimiser.step()
    return model, optimiser


def save(folder: CheckpointFolder, name: str, pair: tuple[Any, Any] | None = None) -> None:
    model, optimiser = pair or trained()
    folder.save(name, STATE, model=model, optimiser=optimiser, config={}, run={}, scaler={})


def test_names_sort_by_time() -> None:
    names = [
        checkpoint_name(0, 3, whole=False),
        checkpoint_name(1, 5, whole=True),
        checkpoint_name(1, 7, whole=False),
        checkpoint_name(2, 10, whole=True),
        checkpoint_name(12, 60, whole=True),
    ]
    assert names == sorted(names)
    assert names[:2] == ["epoch-0000-step-0000003", "epoch-0001"]


def test_round_trip(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, "epoch-0001-step-0000007")
    model, optimiser = trained()
    loaded = folder.load()
    assert asdict(loaded.state) == asdict(replace(STATE, sums={"loss": [1.5, 3]}))
    assert all(torch.equal(loaded.model[n], t) for n, t in model.state_dict().items())
    expected = optimiser_tensors(model, optimiser)
    assert {k.rpartition("/")[2] for k in expected} == {"step", "exp_avg", "exp_avg_sq"}
    assert loaded.optimiser.keys() == expected.keys()
    assert all(torch.equal(loaded.optimiser[n], t) for n, t in expected.items())
    assert loaded.average is None


def test_there_is_no_pickle(tmp_path: Path) -> None:
    run(tmp_path, settings=config(epochs=1, ema=0.9))
    files = sorted(p.name for p in (tmp_path / "checkpoints" / "epoch-0001").iterdir())
    assert files == ["average.safetensors", "manifest.json", "model.safetensors",
                     "optimizer.safetensors", "state.json"]  # fmt: skip
    for path in (tmp_path / "checkpoints" / "epoch-0001").glob("*.safetensors"):
        read_tensors(path)


def test_optimiser_state_takes_the_parameters_memory_format() -> None:
    """Otherwise a resumed step would run another kernel, with other rounding."""
    model = torch.nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    optimiser = build_optimiser(model, config())
    model(torch.ones(1, 4, 8, 8)).sum().backward()
    optimiser.step()
    saved = {n: t.contiguous().clone() for n, t in optimiser_tensors(model, optimiser).items()}
    other = build_optimiser(model, config())
    load_optimiser(model, other, saved, Path("f"))
    for quantity, value in other.state[model.weight].items():
        assert torch.equal(value, optimiser.state[model.weight][quantity])
        assert value.stride() == optimiser.state[model.weight][quantity].stride()
    with pytest.raises(CheckpointError, match=r"^f: 'x' is no parameter of the model$"):
        load_optimiser(model, other, {"x/step": torch.zeros(())}, Path("f"))


def test_prune_keeps_the_newest_the_best_and_some_whole_ones(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for name in ("epoch-0001", "epoch-0002", "epoch-0002-step-0000012", "epoch-0003", "epoch-0004",
                 "epoch-0004-step-0000022"):  # fmt: skip
        save(folder, name)
    folder.prune(2, "epoch-0001")
    assert folder.names() == ["epoch-0001", "epoch-0003", "epoch-0004", "epoch-0004-step-0000022"]
    assert len(list(tmp_path.iterdir())) == 4


def test_prune_keeps_as_many_where_none_is_whole(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    names = [f"epoch-0000-step-000000{step}" for step in range(1, 6)]
    for name in names:
        save(folder, name)
    folder.prune(2, names[1])
    assert folder.names() == [names[1], *names[3:]]


def test_names_sort_by_time_beyond_ten_thousand_epochs(tmp_path: Path) -> None:
    """Ten thousand epochs of a few steps are an afternoon's work."""
    folder = CheckpointFolder(tmp_path)
    names = ["epoch-9999", "epoch-9999-step-0039998", "epoch-9999-step-10000001", "epoch-10000",
             "epoch-10000-step-0040001"]  # fmt: skip
    for name in reversed(names):
        save(folder, name)
    assert folder.names() == names
    assert folder.load().path.name == names[-1]
    folder.remove_after("epoch-9999")
    assert folder.names() == ["epoch-9999"]


def test_leftovers_are_swept_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "checkpoints" / ".epoch-0009.part"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    run(tmp_path, settings=config(epochs=1))
    assert not left.exists()


def test_full_disk_keeps_the_old_one_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, _ = run(tmp_path / "a", settings=config(epochs=3))

    def full(path: Path, tensors: Any) -> None:
        path.write_bytes(b"some of it")
        raise StorageError(f"{path}: could not be written: No space left on device (os error 28)")

    def fill_up(update: Update) -> None:
        if update.step == 12:
            monkeypatch.setattr(checkpoints, "write_tensors", full)

    with pytest.raises(StorageError, match=r"epoch-0003.*could not be written: No space left on"):
        run(tmp_path / "b", settings=config(epochs=3), on_update=fill_up)
    monkeypatch.undo()
    assert CheckpointFolder(tmp_path / "b" / "checkpoints").names() == ["epoch-0001", "epoch-0002"]
    assert len(list((tmp_path / "b" / "checkpoints").iterdir())) == 2
    resumed, _ = run(tmp_path / "b", settings=config(epochs=3), resume=True)
    assert same_weights(straight, resumed)


def test_no_space_for_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, "epoch-0001")

    def full(path: Path, data: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealed_folder, "write_json", full)
    with pytest.raises(StorageError, match="epoch-0001: could not be written: No space left"):
        save(folder, "epoch-0001")
    verify_folder(tmp_path / "epoch-0001")


@pytest.mark.parametrize("moment", ["model.safetensors", "state.json", MANIFEST])
def test_killed_while_saving(tmp_path: Path, moment: str) -> None:
    """kill -9 at any file: the one before loads, the leftover goes."""
    folder = CheckpointFolder(tmp_path)
    save(folder, "epoch-0001")
    pair = trained()  # before the fork: a child can't use the parent's autograd threads

    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if process == 0:
        holder, name = {
            "model.safetensors": (checkpoints, "write_tensors"),
            "state.json": (checkpoints, "write_json"),
            MANIFEST: (sealed_folder, "sha256"),
        }[moment]
        setattr(holder, name, kill)
        try:
            save(folder, "epoch-0002", pair)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    assert (tmp_path / ".epoch-0002.part").is_dir()
    folder.sweep()
    assert folder.names() == ["epoch-0001"]
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-0001"]
    folder.load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "x"}, "field 'schema': is 'x', expected 'bydemo.checkpoint/1'"),
        ({"progress": {"setp": 1}}, "there is no field of progress named 'setp'.*'step'"),
        ({"progress": None}, r"state\.json: malformed"),
    ],
)
def test_state_of_another_shape(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, "epoch-0001")
    state, manifest = tmp_path / "epoch-0001" / "state.json", tmp_path / "epoch-0001" / MANIFEST
    write_json(state, read_json(state) | change)
    write_json(manifest, {"sha256": {"state.json": sealed_folder.sha256(state)}})
    with pytest.raises(CheckpointError, match=message):
        folder.load()
