"""Checkpoints: sealed folders of safetensors and JSON from which a run goes on bit for bit.

`checkpoints/epoch-0003` was taken after three whole epochs, `epoch-0003-step-0000123` some way
into the fourth, after 123 steps in all. No random state is kept because every step sets its own
from (seed, step), see `training/schedule.py`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from bydemo.core.config import from_plain
from bydemo.core.errors import BydemoError, CheckpointError, TrainingError, UnknownNameError
from bydemo.core.results import read_json, write_json
from bydemo.core.sealed_folder import sweep, verify_folder, write_folder
from bydemo.nets.weights import load_into, read_tensors, write_tensors

SCHEMA = "bydemo.checkpoint/1"
MODEL, AVERAGE, OPTIMISER, STATE = (
    "model.safetensors",
    "average.safetensors",
    "optimizer.safetensors",
    "state.json",
)
CHECKPOINTS = "checkpoints"
"""Folder of a run's checkpoints."""
_NAME = re.compile(r"epoch-(\d{4,})(?:-step-(\d{7,}))?")


@dataclass(frozen=True, kw_only=True)
class Best:
    """The weights to keep so far: those of the lowest validation loss, or the last ones.

    loss: on validation data, None where there are none; training_loss: mean over the round that
    they end.
    """

    epoch: int
    step: int
    checkpoint: str
    loss: float | None
    training_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """How far a run has come: steps and whole epochs done, seconds of wall time over all
    resumptions, rounds (of one epoch or more) since the last better one, the best one, and the
    running sums of the round under way (name -> [sum, count])."""

    step: int = 0
    epoch: int = 0
    seconds: float = 0.0
    worse_epochs: int = 0
    best: Best | None = None
    sums: Mapping[str, tuple[float, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint read and verified, tensors on the CPU."""

    path: Path
    state: TrainingState
    config: Mapping[str, Any]
    run: Mapping[str, Any]
    scaler: Mapping[str, Any]
    model: Mapping[str, Tensor]
    average: Mapping[str, Tensor] | None
    optimiser: Mapping[str, Tensor]

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """TrainingError unless the run that goes on has the same `facts` as the one saved."""
        for fact, now in facts.items():
            before = self.run.get(fact)
            if before != now:
                raise TrainingError(
                    f"{self.path}: the run cannot be resumed, its {fact} was {before}, now it is "
                    f"{now}"
                )


def checkpoint_name(epoch: int, step: int, *, whole: bool) -> str:
    """The folder's name after `epoch` whole epochs and `step` steps."""
    return f"epoch-{epoch:04d}" if whole else f"epoch-{epoch:04d}-step-{step:07d}"


def _when(name: str) -> tuple[int, int]:
    """By what names sort in time: whole epochs, and the steps in all where the next has begun."""
    found = _NAME.fullmatch(name)
    assert found is not None, name
    return int(found[1]), int(found[2] or 0)


class CheckpointFolder:
    """The checkpoints of one run, oldest first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sweep(self) -> None:
        """Clear what a killed run left half-written."""
        if self.path.is_dir():
            sweep(self.path)

    def names(self) -> list[str]:
        """Names of all committed checkpoints, oldest first."""
        if not self.path.is_dir():
            return []
        found = [p.name for p in self.path.iterdir() if _NAME.fullmatch(p.name)]
        return sorted(found, key=_when)

    def save(
        self,
        name: str,
        state: TrainingState,
        *,
        model: nn.Module,
        optimiser: Optimizer,
        average: Mapping[str, Tensor] | None = None,
        **notes: Mapping[str, Any],
    ) -> Path:
        """Commit a checkpoint, whole or not at all; `notes` are config, run and scaler."""
        description = {"schema": SCHEMA, "progress": asdict(state), **notes}
        moments = optimiser_tensors(model, optimiser)
        writers = {
            MODEL: lambda file: write_tensors(file, model.state_dict()),
            OPTIMISER: lambda file: write_tensors(file, moments),
            STATE: lambda file: write_json(file, description),
        }
        if average is not None:
            writers[AVERAGE] = lambda file: write_tensors(file, average)
        write_folder(self.path / name, writers)
        return self.path / name

    def load(self, name: str | None = None) -> Checkpoint:
        """Read and verify a checkpoint, the newest by default."""
        names = self.names()
        if not names:
            raise CheckpointError(f"{self.path}: holds no checkpoint to resume from")
        chosen = name or names[-1]
        if chosen not in names:
            raise UnknownNameError("checkpoint", chosen, names)
        try:
            return _read(self.path / chosen)
        except CheckpointError as error:
            raise CheckpointError(f"{error}. {self._way_out(chosen)}") from error

    def _way_out(self, damaged: str) -> str:
        """What the user can do about a damaged checkpoint."""
        for name in reversed([n for n in self.names() if _when(n) < _when(damaged)]):
            try:
                verify_folder(self.path / name)
            except CheckpointError:
                continue
            return f"The one before it, '{name}', is whole: resume from that by name"
        return "There is no whole one before it: start again"

    def remove_after(self, name: str) -> None:
        """Remove checkpoints later than `name`."""
        self._remove(other for other in self.names() if _when(other) > _when(name))

    def prune(self, keep: int, best: str | None) -> None:
        """Remove all but the best, the newest `keep`, and the newest `keep` after whole epochs."""
        names = self.names()
        whole = [n for n in names if "-step-" not in n]
        kept = {*names[-keep:], *whole[-keep:], best}
        self._remove(name for name in names if name not in kept)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            doomed = self.path / f".{name}.part"  # a kill half-way leaves nothing that counts
            (self.path / name).rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _read(path: Path) -> Checkpoint:
    verify_folder(path)
    saved = read_json(path / STATE)
    if saved.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{path / STATE}, field 'schema': is '{saved.get('schema')}', expected '{SCHEMA}'"
        )
    try:
        state = from_plain(TrainingState, saved["progress"], "progress")
        notes = {name: saved[name] for name in ("config", "run", "scaler")}
    except (KeyError, TypeError, BydemoError) as error:
        raise CheckpointError(f"{path / STATE}: malformed: {error}") from error
    average = path / AVERAGE
    return Checkpoint(
        path=path,
        state=state,
        model=read_tensors(path / MODEL),
        average=read_tensors(average) if average.exists() else None,
        optimiser=read_tensors(path / OPTIMISER),
        **notes,
    )


def chosen_weights(path: Path) -> dict[str, Tensor]:
    """The weights of checkpoint `path` that are meant for use: averaged ones where kept."""
    verify_folder(path)
    average = path / AVERAGE
    return read_tensors(average if average.exists() else path / MODEL)


def optimiser_tensors(model: nn.Module, optimiser: Optimizer) -> dict[str, Tensor]:
    """The optimiser's state by parameter: '<parameter>/<quantity>' -> tensor."""
    out = {}
    for name, parameter in model.named_parameters():
        for quantity, value in optimiser.state.get(parameter, {}).items():
            out[f"{name}/{quantity}"] = value
    return out


def load_optimiser(
    model: nn.Module, optimiser: Optimizer, tensors: Mapping[str, Tensor], source: Path
) -> None:
    """Put saved state back, in each parameter's own memory format and on its device."""
    parameters = dict(model.named_parameters())
    fused = any(group.get("fused") for group in optimiser.param_groups)
    for key, tensor in tensors.items():
        name, _, quantity = key.rpartition("/")
        if name not in parameters:
            raise CheckpointError(f"{source}: '{name}' is no parameter of the model")
        parameter = parameters[name]
        if quantity == "step":
            value = tensor.to(parameter.device if fused else "cpu")
        else:
            value = parameter.detach().clone().copy_(tensor)
        optimiser.state[parameter][quantity] = value


def restore(checkpoint: Checkpoint, model: nn.Module, optimiser: Optimizer) -> None:
    """Model and optimiser as they were."""
    load_into(model, checkpoint.model, checkpoint.path / MODEL)
    load_optimiser(model, optimiser, checkpoint.optimiser, checkpoint.path / OPTIMISER)
