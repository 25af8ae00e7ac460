"""Which episodes are for learning, for choosing and for judging; always whole episodes.

Every kind leaves out a fifth for the test and a tenth of the rest for validation, as the
reference on the real Jaco data did.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from bydemo.core.errors import InputError
from bydemo.data.layout import EpisodeRecord, write_manifest
from bydemo.data.source import Dataset

TEST_SHARE: Final = 0.2
VALIDATION_SHARE: Final = 0.1
"""Of what the test leaves."""
SHORT: Final = 75
"""[steps] the reference on the real Jaco data keeps episodes shorter than this."""

Kind = Literal["reference", "random", "grouped"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Split name -> episode indices, disjoint; how they were drawn, and with what parameters."""

    kind: str
    parts: Mapping[str, tuple[int, ...]]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def check(self, episodes: int) -> None:
        """Raise InputError unless the parts are disjoint, not empty, and within 0..episodes-1."""
        seen: dict[int, str] = {}
        for name, indices in self.parts.items():
            if not indices:
                raise InputError(f"has no episode ({episodes} in all)", field=f"split {name}")
            for index in indices:
                if not 0 <= index < episodes:
                    raise InputError(
                        f"episode {index} is outside 0..{episodes - 1}", field=f"split {name}"
                    )
                if index in seen:
                    raise InputError(
                        f"episode {index} is in '{seen[index]}' too", field=f"split {name}"
                    )
                seen[index] = name


def reference_split(ids: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The reference's split of episode `ids`, given in order of appearance, step for step.

    scikit-learn's `train_test_split(test_size=0.2, random_state=1)` gives test; the rest through
    `train_test_split(test_size=0.1, random_state=1)` gives validation.
    """
    from sklearn.model_selection import train_test_split  # 1 s to import, rarely needed

    _require_enough(len(ids))
    rest, test = train_test_split(np.asarray(ids), test_size=TEST_SHARE, random_state=1)
    train, validation = train_test_split(rest, test_size=VALIDATION_SHARE, random_state=1)
    return _parts(train, validation, test)


def random_split(ids: Sequence[int], seed: int = 1) -> dict[str, tuple[int, ...]]:
    """Episodes drawn at random: right where episodes do not depend on their neighbours."""
    test, validation = _counts(len(ids))
    order = np.random.Generator(np.random.Philox(key=[seed, 0])).permutation(np.asarray(ids))
    return _parts(
        np.sort(order[test + validation :]),
        np.sort(order[test : test + validation]),
        np.sort(order[:test]),
    )


def grouped_split(ids: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Three unbroken runs in order of recording: train, validation, test.

    Neighbouring episodes of play data share a scene; here they are parted only at two borders.
    """
    test, validation = _counts(len(ids))
    order = np.asarray(ids)
    stop = len(ids) - test
    return _parts(order[: stop - validation], order[stop - validation : stop], order[stop:])


def make_split(dataset: Dataset, kind: Kind, seed: int = 1) -> Split:
    """Split a dataset's episodes; `reference` leaves those of 75 steps or more out of all parts."""
    indices = [e.index for e in dataset.episodes]
    if kind == "reference":
        short = [e.index for e in dataset.episodes if stated_length(e) < SHORT]
        return Split(kind=kind, parts=reference_split(short), parameters={"shorter_than": SHORT})
    if kind == "random":
        return Split(kind=kind, parts=random_split(indices, seed), parameters={"seed": seed})
    if kind == "grouped":
        return Split(kind=kind, parts=grouped_split(indices))
    raise InputError(f"'{kind}' is none of reference, random, grouped", field="split")


def stated_length(record: EpisodeRecord) -> int:
    """The length that the source states for an episode, or else its number of steps."""
    return int(record.info.get("episode_length", record.length))


def write_splits(dataset: Dataset, split: Split) -> Dataset:
    """Store the split in the manifest, in place of an earlier one; returns the dataset reopened."""
    split.check(len(dataset.episodes))
    stored = {
        "kind": split.kind,
        "parameters": dict(split.parameters),
        "parts": {name: [int(i) for i in indices] for name, indices in split.parts.items()},
    }
    write_manifest(dataset.path, {**dataset.manifest, "split": stored})
    return Dataset.open(dataset.path)


def _counts(episodes: int) -> tuple[int, int]:
    """(test, validation) episodes, rounded up as scikit-learn does."""
    _require_enough(episodes)
    test = math.ceil(episodes * TEST_SHARE)
    return test, math.ceil((episodes - test) * VALIDATION_SHARE)


def _require_enough(episodes: int) -> None:
    if episodes < 3:
        raise InputError(
            f"{episodes} episodes cannot be split in three; choose no split", field="split"
        )


def _parts(train: Any, validation: Any, test: Any) -> dict[str, tuple[int, ...]]:
    named = {"train": train, "validation": validation, "test": test}
    return {name: tuple(int(i) for i in indices) for name, indices in named.items()}
