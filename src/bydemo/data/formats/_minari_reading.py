"""A Minari set opened for reading: its specification, and its episodes as ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, naming
from bydemo.core.fields import Field, Spec
from bydemo.core.gymnasium_spec import environment_spec
from bydemo.data.formats._minari_arrow import ArrowReader
from bydemo.data.formats._minari_environment import control_rate
from bydemo.data.formats._minari_episode import Array, Reader, StoredEpisode, in_episode
from bydemo.data.formats._minari_hdf5 import Hdf5Reader
from bydemo.data.formats._minari_infos import EXACT_REWARD, Survey, success_of, survey
from bydemo.data.formats._minari_metadata import SCORES, Metadata, read_metadata
from bydemo.data.formats._minari_spaces import (
    Space,
    clipped,
    leaves,
    limit_check,
    rows_of,
    space_json,
    without_text,
)

RESTORED = "bydemo_info"
"""Entry of an episode: our own info, as JSON text."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which part of a set is read, and how; see the options of the format."""

    first: int = 0
    episodes: int | None = None
    infos: bool = True
    clip_actions: bool = False
    control_rate: float | None = None


class MinariSet:
    """The chosen part of a set, looked through once; iterate over `read()`."""

    def __init__(self, folder: Path, choice: Choice) -> None:
        self.metadata = read_metadata(folder)
        self._choice = choice
        self._leaves = leaves(self.metadata.observation_space)
        self.numbers = _chosen(self.metadata, choice)
        rate = control_rate(self.metadata, choice.control_rate)
        base = _base_spec(self.metadata, rate)
        self._reader = _open(folder, self.metadata)
        try:
            self.survey = survey(self._reader, self.numbers, folder, infos=choice.infos)
        except BaseException:
            self._reader.close()
            raise
        self.spec = Spec(
            observation=base.observation, action=base.action, control_rate=rate,
            annotation=_annotation(self.survey, base),
        )  # fmt: skip

    def __enter__(self) -> MinariSet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()

    def read(self) -> Iterator[tuple[int, Episode]]:
        """(number, episode), checked against the spaces of the metadata."""
        for number in self.numbers:
            with in_episode(number, self.metadata.path.parent):
                stored = self._reader.read(number, infos=bool(self.survey.infos))
                stored.check_lengths()
                episode = self._episode(number, stored)
                episode.check(self.spec)
            yield number, episode

    def source(self) -> dict[str, Any]:
        """Where the numbers come from, for the dataset's manifest; `write` makes use of it."""
        about = dict(self.metadata.about)
        return {
            "format": "minari", "kind": "minari", "id": self.metadata.id,
            "environment": self.metadata.environment, "storage": self.metadata.storage,
            **{name: about.pop(name) for name in SCORES if about.get(name) is not None},
            "about": about,
            "observation_space": json.dumps(space_json(self.metadata.observation_space)),
            "action_space": json.dumps(space_json(self.metadata.action_space)),
            "reward_dtype": self.survey.reward_dtype.name,
            "infos": {info.name: info.to_json() for info in self.survey.infos},
            "infos_left_out": dict(self.survey.left_out),
            "first": self._choice.first, "episodes": self._choice.episodes,
            "clip_actions": self._choice.clip_actions,
        }  # fmt: skip

    def _episode(self, number: int, stored: StoredEpisode) -> Episode:
        steps, kept = len(stored), self.metadata.kept
        seen = {leaf.name: self._rows(leaf.space, stored.observations[leaf.name],
                                      self.spec.observation[leaf.name], leaf.name)
                for leaf in self._leaves if not leaf.is_text}  # fmt: skip
        action = self._rows(self.metadata.action_space, stored.actions, self.spec.action, "actions")
        limit_check(action, self.metadata.action_space, clip=self._choice.clip_actions)
        if self._choice.clip_actions:
            action = clipped(action, self.metadata.action_space)
        rewards = np.reshape(stored.rewards, -1)
        if not np.isfinite(rewards).all():
            step = int(np.argmin(np.isfinite(rewards)))
            raise InputError(f"is not finite at step {step}", field="rewards")
        return Episode(
            observation={name: rows[:steps] for name, rows in seen.items()},
            final_observation={n: r[steps] for n, r in seen.items()}
            if kept.final_observation else None,
            action=action,
            reward=rewards.astype(np.float32) if kept.reward else None,
            annotation=self._annotations(stored, rewards),
            instruction=self._instruction(stored),
            success=success_of(stored.infos, stored.about),
            info=self._info(number, stored),
        )  # fmt: skip

    def _rows(self, space: Space, stored: Array | list[str], field: Field, name: str) -> Array:
        try:
            rows = rows_of(space, np.asarray(stored), field)
        except InputError as error:
            raise InputError(error.problem, field=name) from error
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            step = int(np.argwhere(~np.isfinite(rows))[0][0])
            raise InputError(f"is not finite at step {step}", field=name)
        return rows

    def _annotations(self, stored: StoredEpisode, rewards: Array) -> dict[str, Array]:
        steps, out = len(stored), {}
        for info in self.survey.infos:
            field = self.spec.annotation[info.name]
            rows = stored.infos[info.path][:steps]
            out[info.name] = rows.astype(field.dtype).reshape(steps, *field.shape)
        if EXACT_REWARD in self.spec.annotation:
            out[EXACT_REWARD] = rewards.astype(np.float64)[:, None]
        return out

    def _instruction(self, stored: StoredEpisode) -> str:
        if "instruction" in stored.about:
            return str(stored.about["instruction"])
        texts = [stored.observations[leaf.name] for leaf in self._leaves if leaf.is_text]
        return str(texts[0][0]) if texts else ""

    def _info(self, number: int, stored: StoredEpisode) -> dict[str, Any]:
        """Number, seed, and what the set says besides; terminations and truncations as steps."""
        about = {k: v for k, v in stored.about.items() if k not in ("success", "instruction")}
        info: dict[str, Any] = _restored(about.pop(RESTORED, None))
        info["episode"] = number
        seed = about.pop("seed", None)
        if seed is not None:
            info["seed"] = int(seed)
        if "options" in about:
            info["options"] = about.pop("options")
        if about:
            info["metadata"] = about
        for name in ("terminations", "truncations"):
            flags = np.reshape(getattr(stored, name), -1)
            info[name] = np.flatnonzero(flags).tolist()
        last = {i.name: stored.infos[i.path][-1].tolist() for i in self.survey.infos if i.extra}
        return info | ({"final_infos": last} if last else {})


def _open(folder: Path, metadata: Metadata) -> Reader:
    found = leaves(metadata.observation_space)
    if metadata.storage == "hdf5":
        return Hdf5Reader(folder, found, metadata.episodes)
    return ArrowReader(folder, found, metadata.action_space, metadata.episodes, metadata.storage)


def _chosen(metadata: Metadata, choice: Choice) -> range:
    if metadata.episodes == 0:
        raise InputError("the set is empty: it holds no episode", path=metadata.path,
                         field="total_episodes")  # fmt: skip
    if choice.first >= metadata.episodes:
        raise InputError(f"is {choice.first}, but the set has the episodes "
                         f"0..{metadata.episodes - 1}", field="first")  # fmt: skip
    count = metadata.episodes - choice.first
    if choice.episodes is not None and choice.episodes > count:
        raise InputError(f"is {choice.episodes}, but from {choice.first} on the set has {count}",
                         field="episodes")  # fmt: skip
    return range(choice.first, choice.first + (choice.episodes or count))


def _base_spec(metadata: Metadata, rate: float) -> Spec:
    """Our own note of the fields, where there is one, or what the spaces say."""
    kept = metadata.kept.spec
    if kept is None:
        name = str((metadata.environment or {}).get("id", ""))
        with naming(metadata.path):
            return environment_spec(
                name, without_text(metadata.observation_space), metadata.action_space, rate
            )
    sizes = {leaf.name: _size(leaf.space)
             for leaf in leaves(metadata.observation_space) if not leaf.is_text}  # fmt: skip
    ours = {name: int(np.prod(field.shape)) for name, field in kept.observation.items()}
    if sizes != ours or _size(metadata.action_space) != int(np.prod(kept.action.shape)):
        raise InputError("does not fit the spaces", path=metadata.path, field="bydemo.spec")
    return kept


def _size(space: Space) -> int:
    return int(np.prod(space.shape)) if space.shape is not None else -1


def _annotation(found: Survey, base: Spec) -> dict[str, Field]:
    """What the survey found, named as in our own note where that fits."""
    out = {}
    for name, field in found.annotation.items():
        noted = base.annotation.get(name)
        fits = noted is not None and np.prod(noted.shape) == np.prod(field.shape)
        out[name] = noted if fits and noted is not None else field
    return out


def _restored(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
