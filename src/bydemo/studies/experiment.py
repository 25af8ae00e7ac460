"""A whole experiment as one frozen value: the data's view, the model, the training."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bydemo.core.codec import Scaling, check_scaling
from bydemo.core.config import as_hinted, from_plain, to_plain
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
    key moment; share: fraction of the training episodes used, the first ones of a seeded shuffle;
    episodes: so many of them instead, of the same shuffle, so that fewer are a part of more.
    train_split: part of the dataset's split to learn from; validation_split: the part to choose by,
    which may be missing where training keeps the last weights.
    """

    view: View
    chunk: int = 1
    target_offset: int = 0
    history: int = 1
    keyframes: bool = False
    observation_scaling: Scaling = "standardise"
    action_scaling: Scaling = "none"
    share: float = 1.0
    episodes: int | None = None
    train_split: str = "train"
    validation_split: str = "validation"

    def __post_init__(self) -> None:
        check_scaling(self.observation_scaling, "observation_scaling")
        check_scaling(self.action_scaling, "action_scaling")
        if not 0 < self.share <= 1:
            raise InputError(f"is {self.share:g}, expected more than 0 and at most 1",
                             field="share")  # fmt: skip
        if self.episodes is not None and self.episodes < 1:
            raise InputError(f"is {self.episodes}, expected at least 1, or none", field="episodes")
        if self.episodes is not None and self.share < 1:
            raise InputError(
                f"is {self.episodes}, and 'share' {self.share:g}: give one of them",
                field="episodes",
            )


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
        """A copy with fields replaced by dotted names, e.g. {"training.epochs": 3}; those of one
        part take effect together, as where one excludes another. Values are the fields' own, JSON
        values, or texts as on the command line (`front_cam,mount_cam`)."""
        parts: dict[str, dict[str, Any]] = {}
        for path, value in changes.items():
            parts.setdefault(path.rpartition(".")[0], {})[path] = value
        made = self
        for part in sorted(parts, key=len):  # what it is made of after the part itself
            made = _replaced(made, part.split(".") if part else [], parts[part])
        return made


def _replaced(config: Any, parents: list[str], values: Mapping[str, Any]) -> Any:
    """A copy of `config` with fields of the part below `parents` replaced: full name -> value."""
    known = [f.name for f in dataclasses.fields(config)]
    hints, changes = typing.get_type_hints(type(config)), {}
    for path, value in values.items():
        name = parents[0] if parents else path.rpartition(".")[2]
        if name not in known:
            raise UnknownNameError("field of the experiment", path, known)
        if not parents:
            changes[name] = _like(hints[name], value, path)
    if parents:
        inner = getattr(config, parents[0])
        changes[parents[0]] = _replaced(inner, parents[1:], values)
    return dataclasses.replace(config, **changes)


def _like(hint: Any, value: Any, path: str) -> Any:
    """A JSON value, or a text from the command line, as a value of the kind that a field holds."""
    if not isinstance(value, str):
        return as_hinted(hint, value, path)
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = typing.get_args(hint) if union else (hint,)
    if any(value in typing.get_args(o) for o in options if typing.get_origin(o) is typing.Literal):
        return value
    if type(None) in options and value.lower() == "none":
        return None
    kind = next((option for option in options if option is not type(None)), str)
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if typing.get_origin(kind) is tuple:
            return _tuple_like(typing.get_args(kind), value)
        return kind(value) if kind in (int, float) else value
    except (KeyError, ValueError) as error:
        name = getattr(kind, "__name__", str(kind))
        words = [word for o in options if typing.get_origin(o) is typing.Literal
                 for word in typing.get_args(o)]  # fmt: skip
        others = f", nor {' or '.join(words)}" if words else ""
        raise InputError(f"'{value}' is not a {name}{others}", field=path) from error


def _tuple_like(kinds: tuple[Any, ...], value: str) -> tuple[Any, ...]:
    """`64,32` as (64, 32) where the tuple holds numbers."""
    parts = [part for part in value.split(",") if part]
    return tuple(kinds[0](part) if kinds[0] in (int, float) else part for part in parts)
