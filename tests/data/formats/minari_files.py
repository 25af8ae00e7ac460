"""Minari sets made by Minari's own library, with every kind of space; some to be damaged."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

STORAGES = ("hdf5", "arrow", "parquet")
SEED = 123

NESTED = spaces.Dict(
    {
        "goal": spaces.Discrete(4, start=1),
        "robot": spaces.Dict(
            {
                "joint": spaces.Box(-1, 1, (3,), np.float32),
                "state": spaces.Box(-np.inf, np.inf, (5,), np.float64),
            }
        ),
        "camera": spaces.Box(0, 255, (8, 6, 3), np.uint8),
        "switches": spaces.MultiBinary(3),
    }
)
TUPLE = spaces.Tuple([spaces.Box(-2, 2, (2,), np.float32), spaces.MultiDiscrete([3, 4])])
SPOKEN = spaces.Dict(
    {"mission": spaces.Text(30), "place": spaces.Box(-np.inf, np.inf, (2,), np.float64)}
)
BOX = spaces.Box(-np.inf, np.inf, (4,), np.float64)
TORQUES = spaces.Box(-2, 2, (2,), np.float32)


def rows(space: spaces.Space, count: int, rng: np.random.Generator, words: str = "push") -> Any:
    """`count` random values of a space, stacked as Minari wants them."""
    if isinstance(space, spaces.Dict):
        return {key: rows(s, count, rng, words) for key, s in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(rows(s, count, rng, words) for s in space.spaces)
    if isinstance(space, spaces.Text):
        return [words] * count
    if isinstance(space, spaces.Discrete):
        return rng.integers(space.start, space.start + space.n, count)
    if isinstance(space, spaces.MultiDiscrete):
        return rng.integers(0, space.nvec, (count, len(space.nvec)))
    if isinstance(space, spaces.MultiBinary):
        return rng.integers(0, 2, (count, space.n)).astype(np.int8)
    assert isinstance(space, spaces.Box)
    if space.dtype == np.uint8:
        return rng.integers(0, 256, (count, *space.shape), np.uint8)
    low, high = np.maximum(space.low, -5), np.minimum(space.high, 5)
    return rng.uniform(low, high, (count, *space.shape)).astype(space.dtype)


def buffers(
    observation: spaces.Space, action: spaces.Space, lengths: Sequence[int] = (5, 3, 4),
    *, infos: bool = False, seed: int = 0,
) -> list[EpisodeBuffer]:  # fmt: skip
    """Random episodes."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 0]))
    return [
        EpisodeBuffer(
            seed=SEED + i,
            options={"start": {"x": 0.5 + i}, "name": "a"},
            observations=rows(observation, n + 1, rng),
            actions=rows(action, n, rng),
            rewards=rng.standard_normal(n),
            terminations=np.arange(n) == (n - 1 if i == 0 else -1),
            truncations=np.arange(n) == (n - 1 if i else -1),
            infos=told(n + 1, rng) if infos else None,
        )
        for i, n in enumerate(lengths)
    ]


def told(count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Infos: nested numbers, a truth value, a matrix, and texts, which are no numbers."""
    return {
        "qpos": rng.standard_normal((count, 3)),
        "matrix": rng.standard_normal((count, 2, 2)).astype(np.float32),
        "arm": {"contacts": rng.integers(0, 5, (count, 1))},
        "success": np.arange(count) >= count - 2,
        "phase": ["reach"] * count,
    }


def write_by_library(
    folder: Path, id: str, episodes: list[EpisodeBuffer], observation: spaces.Space,
    action: spaces.Space, *, storage: str = "hdf5", environment: str | None = None,
    **about: Any,
) -> Path:  # fmt: skip
    """A set under `folder`, as `minari.create_dataset_from_buffers` writes it."""
    with home(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers(
            id, episodes, env=environment, observation_space=observation, action_space=action,
            data_format=storage, **about,
        )  # fmt: skip
    return folder / id


def open_by_library(path: Path) -> minari.MinariDataset:
    """The set as Minari itself opens it."""
    return minari.MinariDataset(MinariStorage.read(path / "data"))


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Nested dictionaries and tuples of arrays as one dictionary."""
    if isinstance(value, dict):
        return {k: a for key, v in value.items() for k, a in leaves(v, f"{name}.{key}").items()}
    if isinstance(value, tuple):
        return {k: a for i, v in enumerate(value) for k, a in leaves(v, f"{name}.{i}").items()}
    return {name: value}


def same_episodes(ours: minari.MinariDataset, theirs: minari.MinariDataset) -> None:
    """Bit for bit, dtypes and seeds included."""
    assert ours.total_episodes == theirs.total_episodes
    assert ours.total_steps == theirs.total_steps
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    for a, b in zip(ours, theirs, strict=True):
        for part in ("observations", "actions", "rewards", "terminations", "truncations"):
            found, expected = leaves(getattr(a, part)), leaves(getattr(b, part))
            assert found.keys() == expected.keys()
            for key, array in expected.items():
                if isinstance(array, list):
                    assert found[key] == array
                    continue
                assert found[key].dtype == array.dtype, (part, key)
                assert found[key].tobytes() == array.tobytes(), (part, key)
    every = range(ours.total_episodes)
    for a, b in zip(
        ours.storage.get_episode_metadata(every), theirs.storage.get_episode_metadata(every),
        strict=True,
    ):  # fmt: skip
        for key in ("seed", "options", "total_steps", "id"):
            assert a.get(key) == b.get(key)


def edit_metadata(path: Path, **changes: Any) -> None:
    """Change entries of a set's metadata; None removes one."""
    file = path / "data" / "metadata.json"
    data = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in data.items() if v is not None}))


def play_pusher(episodes: int, steps: int) -> list[EpisodeBuffer]:
    """Short episodes of Gymnasium's Pusher with random actions, from its own loop."""
    environment = gymnasium.make("Pusher-v5")
    rng = np.random.Generator(np.random.Philox(key=[1, 0]))
    out = []
    for seed in range(SEED, SEED + episodes):
        seen = [environment.reset(seed=seed)[0]]
        actions, rewards = [], []
        for _ in range(steps):
            actions.append(rng.uniform(-2, 2, 7).astype(np.float32))
            observation, reward, *_ = environment.step(actions[-1])
            seen.append(observation)
            rewards.append(reward)
        ended = np.arange(steps) == steps - 1
        out.append(
            EpisodeBuffer(
                seed=seed, observations=np.array(seen), actions=np.array(actions),
                rewards=np.array(rewards), terminations=np.zeros(steps, bool), truncations=ended,
            )
        )  # fmt: skip
    environment.close()
    return out


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """Minari's own folder is `folder` inside."""
    import os

    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before
