"""`metadata.json` of a Minari set: read and checked, and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from bydemo.core.errors import InputError, naming
from bydemo.core.fields import Spec
from bydemo.core.results import read_json
from bydemo.data.formats._minari_spaces import Space, parse_space, space_json
from bydemo.data.whole import unwritten

FILE: Final = "metadata.json"
LAYOUT_VERSION: Final = "0.5.4"
"""Of Minari, whose layout we write: the first that can leave pictures uncompressed."""

Storage = Literal["hdf5", "arrow", "parquet"]
STORAGES: Final = ("hdf5", "arrow", "parquet")
SCORES: Final = ("ref_max_score", "ref_min_score")

_OURS: Final = "bydemo"
"""The key of what Minari has no place for; its own reader passes over it."""
_FORMER: Final = ("apply_api_compatibility", "autoreset")
"""Entries of an environment's description that Gymnasium 1.0 has dropped."""
_STRUCTURE: Final = (
    "total_episodes", "total_steps", "data_format", "jpeg_encoding", "observation_space",
    "action_space", "env_spec", "dataset_id", "dataset_size", "minari_version", _OURS,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What Minari has no place for: names, units and labels, and what was not recorded at all.

    final_observation, reward: False where the recording had none; the last observation is then
    repeated, and the rewards are 0. instruction: of all episodes, if they share one.
    """

    spec: Spec | None = None
    final_observation: bool = True
    reward: bool = True


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """A set's name, spaces and sizes; environment: Gymnasium's `EnvSpec` as JSON values, or None.

    about: everything else that it says of itself (author, algorithm, reference scores, ...).
    """

    path: Path
    id: str
    storage: Storage
    episodes: int
    steps: int
    observation_space: Space
    action_space: Space
    environment: Mapping[str, Any] | None
    about: Mapping[str, Any] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)


def read_metadata(folder: Path) -> Metadata:
    """Of the folder `data` of a set; InputError names the entry that is missing or malformed."""
    path = folder / FILE
    data = read_json(path)
    storage = data.get("data_format", "hdf5")
    if storage not in STORAGES:
        raise InputError(
            f"is {storage!r}, expected one of {', '.join(STORAGES)}", path=path, field="data_format"
        )
    return Metadata(
        path=path,
        id=str(data.get("dataset_id", folder.parent.name)),
        storage=storage,
        episodes=_count(data, "total_episodes", path),
        steps=_count(data, "total_steps", path),
        observation_space=_space(data, "observation_space", path),
        action_space=_space(data, "action_space", path),
        environment=_environment(data, path),
        about={k: v for k, v in data.items() if k not in _STRUCTURE},
        kept=_kept(data.get(_OURS), path),
    )


def write_metadata(metadata: Metadata, size: float) -> None:
    """Write the file; size: [MB] of the set's other files."""
    data: dict[str, Any] = {
        "total_episodes": metadata.episodes,
        "total_steps": metadata.steps,
        "data_format": metadata.storage,
        # Minari would compress pictures of 32 x 32 pixels and more, at a loss.
        "jpeg_encoding": False,
        "observation_space": json.dumps(space_json(metadata.observation_space)),
        "action_space": json.dumps(space_json(metadata.action_space)),
        "dataset_id": metadata.id,
        "minari_version": LAYOUT_VERSION,
        "dataset_size": round(size, 1),
        **metadata.about,
    }
    if metadata.environment is not None:
        data["env_spec"] = json.dumps(metadata.environment)
    kept = metadata.kept
    if kept.spec is not None:
        data[_OURS] = {"spec": kept.spec.to_json(), "final_observation": kept.final_observation,
                       "reward": kept.reward}  # fmt: skip
    try:
        metadata.path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritten(metadata.path, error) from error


def _count(data: Mapping[str, Any], name: str, path: Path) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"is {value!r}, expected a whole number", path=path, field=name)
    return value


def _space(data: Mapping[str, Any], name: str, path: Path) -> Space:
    if name not in data:
        raise InputError("missing: the set does not say what its numbers are", path=path,
                         field=name)  # fmt: skip
    try:
        return parse_space(data[name])
    except InputError as error:
        raise InputError(error.problem, path=path, field=name) from error


def _environment(data: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    text = data.get("env_spec")
    if text is None:
        return None
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise InputError(f"is no JSON: {error}", path=path, field="env_spec") from error
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise InputError("is no environment as Gymnasium describes one", path=path,
                         field="env_spec")  # fmt: skip
    return {key: value for key, value in found.items() if key not in _FORMER}


def _kept(data: Any, path: Path) -> Kept:
    if data is None:
        return Kept()
    if not isinstance(data, dict) or not isinstance(data.get("spec"), dict):
        raise InputError("is malformed", path=path, field=_OURS)
    with naming(path):
        spec = Spec.from_json(data["spec"])
    return Kept(
        spec=spec,
        final_observation=data.get("final_observation") is not False,
        reward=data.get("reward") is not False,
    )
