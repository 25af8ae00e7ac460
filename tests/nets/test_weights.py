"""Tensors to a file and back, whatever their memory format."""

from __future__ import annotations

from pathlib import Path
from pickle import dumps, loads
from typing import Any

import pytest
import torch
from torch import nn

from bydemo.core.errors import CheckpointError, StorageError
from bydemo.nets.weights import load_into, read_tensors, write_tensors


def test_round_trip_keeps_bits_and_memory_format(tmp_path: Path) -> None:
    source = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    target = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    write_tensors(tmp_path / "w.safetensors", source.state_dict())
    load_into(target, read_tensors(tmp_path / "w.safetensors"), tmp_path / "w.safetensors")
    assert torch.equal(source.weight, target.weight)
    assert target.weight.is_contiguous(memory_format=torch.channels_last)


def test_tied_weights_are_written(tmp_path: Path) -> None:
    layer = nn.Linear(2, 2)
    write_tensors(tmp_path / "w.safetensors", {"a": layer.weight, "b": layer.weight})
    assert set(read_tensors(tmp_path / "w.safetensors")) == {"a", "b"}


def test_names_and_shapes_must_agree(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^f: tensor 'bias' exists only in the model$"):
        load_into(nn.Linear(2, 2), {"weight": torch.zeros(2, 2)}, Path("f"))
    with pytest.raises(CheckpointError, match=r"'weight' has shape \(3, 2\), the model's has \(2"):
        load_into(nn.Linear(2, 2), {"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, Path("f"))


def test_what_is_no_safetensors_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="w: cannot be read as safetensors"):
        read_tensors(tmp_path / "w")


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        write_tensors(tmp_path / "none" / "w", {"a": torch.zeros(1)})


class Hostile:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_a_pickle_in_the_place_of_weights_is_refused_and_never_run(tmp_path: Path) -> None:
    content = dumps({"weight": Hostile(tmp_path / "ran")})
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(CheckpointError, match="w: cannot be read as safetensors"):
        read_tensors(tmp_path / "w")
    assert not (tmp_path / "ran").exists()
    loads(content)
    assert (tmp_path / "ran").exists()  # so it really is hostile
