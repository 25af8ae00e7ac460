"""Where and in what number format a model trains: the `Accelerator` and its checks."""

from __future__ import annotations

import resource
import sys

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from bydemo.core.errors import InputError
from bydemo.training.config import TrainingConfig

_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def build_accelerator(config: TrainingConfig) -> Accelerator:
    """An accelerator for this run; earlier runs of the same process leave no trace in it."""
    cpu = config.device == "cpu" or not torch.cuda.is_available()
    if config.precision == "fp16" and cpu:
        raise InputError(
            "'fp16' needs a GPU, and this run is on the CPU; valid here: fp32, bf16",
            field="precision",
        )
    if not torch.distributed.is_initialized():
        PartialState._reset_state()  # it keeps the first run's device otherwise
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=_NAMES[config.precision], cpu=cpu)


def peak_memory_mb(device: torch.device) -> float:
    """Largest resident memory of this process so far [MB]; on a GPU, of its tensors there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
