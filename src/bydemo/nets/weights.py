"""Tensors in safetensors files, and back into a module, whatever its memory format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bydemo.core.errors import CheckpointError, StorageError


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors; a full disk is a StorageError."""
    plain = {name: _plain(tensor) for name, tensor in tensors.items()}
    try:
        save_file(plain, path)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path}: could not be written: {error}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors onto the CPU; a file that is no safetensors is a CheckpointError."""
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors: {error}") from error
    return tensors


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copy `tensors` into the module's parameters and buffers; names and shapes must all agree."""
    own = module.state_dict()
    for name in sorted(own.keys() ^ tensors.keys()):
        holder = "the file" if name in tensors else "the model"
        raise CheckpointError(f"{source}: tensor '{name}' exists only in {holder}")
    for name, target in own.items():
        if target.shape != tensors[name].shape:
            raise CheckpointError(
                f"{source}: tensor '{name}' has shape {tuple(tensors[name].shape)}, the model's "
                f"has {tuple(target.shape)}"
            )
        with torch.no_grad():
            target.copy_(tensors[name])


def state_hash(module: nn.Module) -> str:
    """Hexadecimal SHA-256 of all parameters and buffers, names, types and shapes included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        plain = _plain(tensor)
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(tensor: Tensor) -> Tensor:
    """On the CPU, contiguous, sharing memory with nothing: what safetensors takes."""
    return tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True).contiguous()
