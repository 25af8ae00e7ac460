from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.small import SPEC, episode, write_dataset

from bydemo.core.errors import InputError
from bydemo.data.source import Dataset
from bydemo.data.splits import (
    Split,
    grouped_split,
    make_split,
    random_split,
    reference_split,
    write_splits,
)
from bydemo.data.store import DatasetWriter

COUNTS = {"train": 453, "validation": 51, "test": 126}
"""What the reference has of its 630 episodes."""
FIRST = {
    "train": (182, 349, 221, 538, 376),
    "validation": (169, 412, 74, 465, 325),
    "test": (496, 107, 66, 159, 512),
}
"""The first episodes of each part of `reference_split(range(630))`, as scikit-learn 1.9 draws."""


@pytest.mark.parametrize("draw", [reference_split, random_split, grouped_split])
def test_every_kind_parts_the_630_episodes_like_the_reference(draw) -> None:
    ids = [3 * i + 7 for i in range(630)]
    parts = draw(ids)
    assert {name: len(part) for name, part in parts.items()} == COUNTS
    assert sorted(i for part in parts.values() for i in part) == ids
    assert parts == draw(ids)


def test_the_reference_split_is_scikit_learns_step_for_step() -> None:
    from sklearn.model_selection import train_test_split

    parts = reference_split(range(630))
    rest, test = train_test_split(list(range(630)), test_size=0.2, random_state=1)
    train, validation = train_test_split(rest, test_size=0.1, random_state=1)
    assert parts == {
        "train": tuple(train), "validation": tuple(validation), "test": tuple(test),
    }  # fmt: skip
    assert {name: part[:5] for name, part in parts.items()} == FIRST


def test_the_grouped_split_keeps_neighbours_together() -> None:
    parts = grouped_split(range(50))
    assert parts["train"] == tuple(range(36))
    assert parts["validation"] == tuple(range(36, 40))
    assert parts["test"] == tuple(range(40, 50))


def test_the_random_split_depends_on_its_seed_alone() -> None:
    assert random_split(range(50), 1) != random_split(range(50), 2)
    assert random_split(range(50), 2) == random_split(list(range(50)), 2)


def test_the_reference_leaves_long_episodes_out(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d", SPEC, source={}) as writer:
        for index, (steps, stated) in enumerate([(5, 5), (75, 75), (5, 80), (74, 74), (5, 5)]):
            writer.add(episode(index, steps, info={"episode_length": stated}))
    split = make_split(Dataset.open(tmp_path / "d"), "reference")
    assert sorted(i for part in split.parts.values() for i in part) == [0, 3, 4]


def test_a_split_is_stored_in_the_dataset(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", (2,) * 10)
    assert dataset.splits == {}
    assert dataset.split_kind == "none"
    split = make_split(dataset, "random", seed=3)
    stored = write_splits(dataset, split)
    again = Dataset.open(tmp_path / "d")
    assert stored.splits == again.splits == split.parts
    assert again.split_kind == "random"
    assert again.manifest["split"]["parameters"] == {"seed": 3}
    assert again.fingerprint() == dataset.fingerprint()


def test_new_episodes_make_a_split_void_and_nothing_else_does(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", (2,) * 5)
    write_splits(dataset, make_split(dataset, "grouped"))
    DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}, resume=True).close()
    assert Dataset.open(tmp_path / "d").split_kind == "grouped"
    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}, resume=True) as writer:
        writer.add(episode(9, 3))
    assert Dataset.open(tmp_path / "d").splits == {}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": (0, 1), "test": (1,)}, "'split test': episode 1 is in 'train' too"),
        ({"train": (0, 9)}, r"'split train': episode 9 is outside 0\.\.2"),
        ({"train": ()}, r"'split train': has no episode"),
    ],
)
def test_an_impossible_split_is_refused(tmp_path: Path, parts, message: str) -> None:
    dataset = write_dataset(tmp_path / "d")
    with pytest.raises(InputError, match=message):
        write_splits(dataset, Split(kind="mine", parts=parts))


def test_too_few_episodes_and_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 episodes cannot be split in three"):
        grouped_split([0, 1])
    with pytest.raises(InputError, match="'odd' is none of reference, random, grouped"):
        make_split(write_dataset(tmp_path / "d"), "odd")
