"""A whole experiment as one frozen value: the data's view, the model, the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bydemo.core.codec import Scaling
from bydemo.core.config import from_plain, to_plain
from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.images import View
from bydemo.models import model_config
from bydemo.models.base import ModelConfig, config_name
from bydemo.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What of a dataset a model sees, and how it is scaled.

    chunk: action steps predicted at once; target_offset: predict the action this many steps
    ahead; history: proprioception of how many last steps; keyframes: also the state at the next
    key moment; share: fraction of the training episodes used, the first ones of a seeded shuffle.
    """

    view: View
    chunk: int = 1
    target_offset: int = 0
    history: int = 1
    keyframes: bool = False
    observation_scaling: Scaling = "standardise"
    action_scaling: Scaling = "none"
    share: float = 1.0
    train_split: str = "train"
    validation_split: str = "validation"

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"is {self.share:g}, expected more than 0 and at most 1",
                             field="share")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that decides a run besides the dataset; saved with it as plain JSON."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig

    def to_plain(self) -> dict[str, Any]:
        """JSON values; the model carries its public name."""
        return {
            "model": {"name": config_name(self.model), **to_plain(self.model)},
            "data": to_plain(self.data),
            "training": to_plain(self.training),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Experiment:
        """Rebuild from `to_plain`'s values; unknown names and fields are errors that list them."""
        for name in ("model", "data", "training"):
            if not isinstance(plain.get(name), Mapping):
                raise InputError("missing from the experiment", field=name)
        described = dict(plain["model"])
        return cls(
            model=model_config(str(described.pop("name", "")), described),
            data=from_plain(DataConfig, plain["data"], "data"),
            training=from_plain(TrainingConfig, plain["training"], "training"),
        )

    def changed(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with fields replaced by dotted names, e.g. {"training.epochs": 3}."""
        made = self
        for path, value in changes.items():
            made = _replaced(made, path.split("."), value, path)
        return made


def _replaced(config: Any, names: list[str], value: Any, path: str) -> Any:
    known = [f.name for f in dataclasses.fields(config)]
    if names[0] not in known:
        raise UnknownNameError("field of the experiment", path, known)
    if len(names) > 1:
        value = _replaced(getattr(config, names[0]), names[1:], value, path)
    else:
        value = _like(getattr(config, names[0]), value, path)
    return dataclasses.replace(config, **{names[0]: value})


def _like(old: Any, value: Any, path: str) -> Any:
    """A text from the command line as the kind of value that it replaces."""
    if not isinstance(value, str) or isinstance(old, str):
        return value
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(old, tuple):
            return tuple(part for part in value.split(",") if part)
        if old is None:
            return None if value.lower() == "none" else float(value)
        return type(old)(value)
    except (KeyError, ValueError) as error:
        kind = type(old).__name__
        raise InputError(f"'{value}' is not a {kind}", field=path) from error
