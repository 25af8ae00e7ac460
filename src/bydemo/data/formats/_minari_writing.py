"""A dataset written as a Minari set: the way back of `_minari_reading`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Spec
from bydemo.data.formats._minari_arrow_writer import ArrowWriter
from bydemo.data.formats._minari_episode import Array, InfoPath, StoredEpisode, Writer, in_episode
from bydemo.data.formats._minari_hdf5 import Hdf5Writer
from bydemo.data.formats._minari_infos import EXACT_REWARD, noted_infos, reward_rows
from bydemo.data.formats._minari_metadata import FILE, SCORES, Kept, Metadata, write_metadata
from bydemo.data.formats._minari_reading import RESTORED
from bydemo.data.formats._minari_spaces import (
    Leaf,
    Space,
    clipped,
    field_space,
    leaves,
    limit_check,
    parse_space,
    space_for,
    stored_of,
)
from bydemo.data.layout import FINAL, EpisodeRecord
from bydemo.data.source import Dataset
from bydemo.data.whole import require_space

_NAMED: Final = ("seed", "options", "metadata", "terminations", "truncations", "episode",
                 "final_infos", "terminated")  # fmt: skip
"""Entries of our info that have a place of their own in a set, or none."""
_HEADERS: Final = 4096
"""[bytes] about what the file adds to each array of an episode."""


def write_set(
    dataset: Dataset, folder: Path, *, id: str, storage: Any,
    environment: Mapping[str, Any] | None, about: Mapping[str, Any], clip_actions: bool,
) -> None:  # fmt: skip
    """Write the folder `data` of a set; about: what replaces earlier metadata."""
    source = dataset.manifest.get("source", {})
    observation, action = _spaces(dataset.spec, source)
    earlier = dict(source.get("about") or {}) if source.get("format") == "minari" else {}
    earlier.pop("combined_datasets", None)  # it is none any more
    scores = {name: source[name] for name in SCORES if source.get(name) is not None}
    metadata = Metadata(
        path=folder / FILE, id=id, storage=storage, episodes=len(dataset.episodes),
        steps=dataset.steps, observation_space=observation, action_space=action,
        environment=environment, about={**earlier, **scores, **about},
        kept=Kept(spec=replace(dataset.spec, annotation=_noted(dataset.spec)),
                  final_observation=_has_final(dataset), reward=dataset.reward is not None),
    )  # fmt: skip
    folder.mkdir()
    require_space(folder, _bytes(dataset))
    writer = _writer(folder, metadata)
    try:
        mapping = _Mapping(metadata, source, clip_actions)
        for record in dataset.episodes:
            with in_episode(record.index, dataset.path):
                writer.add(mapping.stored(dataset.episode(record.index), record))
    finally:
        writer.close()
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    write_metadata(metadata, size / 1e6)


class _Mapping:
    """From our episodes to stored ones."""

    def __init__(self, metadata: Metadata, source: Mapping[str, Any], clip: bool) -> None:
        self._leaves = leaves(metadata.observation_space)
        self._action, self._clip = metadata.action_space, clip
        self._horizon = (metadata.environment or {}).get("max_episode_steps")
        self._infos = noted_infos(source)
        self._reward = str(source.get("reward_dtype", "float32"))

    def stored(self, episode: Episode, record: EpisodeRecord) -> StoredEpisode:
        """One episode, with one observation more than actions."""
        actions = episode.action
        if self._clip:
            actions = clipped(actions, self._action)
        limit_check(actions, self._action, clip=self._clip)
        steps = len(episode)
        terminations, truncations = self._ends(record)
        return StoredEpisode(
            observations={leaf.name: self._seen(episode, leaf) for leaf in self._leaves},
            actions=stored_of(self._action, actions),
            rewards=reward_rows(episode, self._reward),
            terminations=_flags(terminations, steps),
            truncations=_flags(truncations, steps),
            infos=self._told(episode, record),
            about=_about(record),
        )

    def _ends(self, record: EpisodeRecord) -> tuple[list[int], list[int]]:
        """Steps that terminated and that were cut off by time. A recording that does not say it
        was cut off if it lasted as long as its environment lets it."""
        info, last = record.info, record.length - 1
        if "terminations" in info or "truncations" in info:
            return list(info.get("terminations", [])), list(info.get("truncations", []))
        in_time = self._horizon is not None and record.length < self._horizon
        return ([last], []) if info.get("terminated", in_time) else ([], [last])

    def _seen(self, episode: Episode, leaf: Leaf) -> Array | list[str]:
        if leaf.is_text:
            return [episode.instruction] * (len(episode) + 1)
        rows = episode.observation[leaf.name]
        final = episode.final_observation
        last = rows[-1] if final is None else final[leaf.name]
        return stored_of(leaf.space, np.concatenate([rows, last[None]]))

    def _told(self, episode: Episode, record: EpisodeRecord) -> dict[InfoPath, Array]:
        ends = record.info.get("final_infos", {})
        out: dict[InfoPath, Array] = {}
        for name, rows in episode.annotation.items():
            if name == EXACT_REWARD:
                continue
            noted = self._infos.get(name, {})
            shape = tuple(noted.get("shape", rows.shape[1:]))
            dtype = np.dtype(noted.get("dtype", rows.dtype.name))
            found = rows.astype(dtype).reshape(len(rows), *shape)
            if noted.get("extra", True):
                last = np.asarray(ends[name], dtype) if name in ends else found[-1]
                found = np.concatenate([found, last.reshape(1, *shape)])
            out[tuple(noted.get("path", [name]))] = found
        return out


def _spaces(spec: Spec, source: Mapping[str, Any]) -> tuple[Space, Space]:
    """Those of the set that was read, if the dataset comes from one; else what the fields say."""
    if source.get("format") == "minari" and "observation_space" in source:
        observation = parse_space(source["observation_space"])
        action = parse_space(source["action_space"])
        found = {f.name: f.space.shape for f in leaves(observation) if not f.is_text}
        if found.keys() == spec.observation.keys():
            return observation, action
    return space_for(spec.observation), field_space(spec.action)


def _writer(folder: Path, metadata: Metadata) -> Writer:
    if metadata.storage == "hdf5":
        return Hdf5Writer(folder, leaves(metadata.observation_space))
    return ArrowWriter(folder, metadata.observation_space, metadata.action_space, metadata.storage)


def _about(record: EpisodeRecord) -> dict[str, Any]:
    """The episode's own metadata; what Minari has no name for travels as one JSON text."""
    info = record.info
    about: dict[str, Any] = dict(info.get("metadata") or {})
    for name in ("seed", "options"):
        if info.get(name) is not None:
            about[name] = info[name]
    if record.success is not None:
        about["success"] = record.success
    if record.instruction:
        about["instruction"] = record.instruction
    others = {k: v for k, v in info.items() if k not in _NAMED}
    return about | ({RESTORED: json.dumps(others)} if others else {})


def _flags(steps: list[int], length: int) -> Array:
    if any(not 0 <= step < length for step in steps):
        raise InputError(f"names steps outside 0..{length - 1}", field="info.terminations")
    flags = np.zeros(length, bool)
    flags[steps] = True
    return flags


def _noted(spec: Spec) -> dict[str, Field]:
    return {name: field for name, field in spec.annotation.items() if name != EXACT_REWARD}


def _has_final(dataset: Dataset) -> bool:
    return all(FINAL + name in dataset.arrays for name in dataset.spec.observation)


def _bytes(dataset: Dataset) -> int:
    """About the size of the files."""
    row = sum(dataset.row_bytes(name) for name in dataset.arrays)
    arrays = len(dataset.arrays) + 4
    return row * (dataset.steps + len(dataset.episodes)) + _HEADERS * arrays * len(dataset.episodes)
