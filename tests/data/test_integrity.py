from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.small import SPEC, episode, write_dataset

from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.data.integrity import require_intact, verify
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter
from bydemo.data.view_cache import cache_folder, view_array


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def full_dataset(path: Path) -> Dataset:
    final = {n: a[0] for n, a in episode(0, 1).observation.items()}
    with DatasetWriter(path, SPEC, source={}) as writer:
        for seed, steps in enumerate((5, 3, 7)):
            reward = np.zeros(steps, np.float32)
            writer.add(episode(seed, steps, reward=reward, final_observation=final))
    return Dataset.open(path)


def test_an_intact_dataset_has_no_damage(tmp_path: Path) -> None:
    dataset = full_dataset(tmp_path / "d")
    counted = []
    assert verify(dataset, lambda done, total: counted.append((done, total))) == ()
    assert counted[-1] == (len(dataset.arrays), len(dataset.arrays))
    require_intact(dataset)


def test_a_flipped_byte_in_any_array_names_file_and_episode(tmp_path: Path) -> None:
    dataset = full_dataset(tmp_path / "d")
    for name in dataset.arrays:
        file = dataset.file(name)
        row = dataset.row_bytes(name) * (2 if name.startswith("final.") else 8)
        flip(file, row)
        (damage,) = verify(Dataset.open(tmp_path / "d"))
        assert (damage.file, damage.episodes) == (file, (2,))
        with pytest.raises(InputError, match=rf"{file.name}: the bytes of episode 2 changed"):
            require_intact(Dataset.open(tmp_path / "d"))
        flip(file, row)
    assert verify(dataset) == ()


def test_damage_is_found_before_the_recorder_ends(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "d", SPEC, source={})
    for seed in range(3):
        writer.add(episode(seed, 4))
    dataset = Dataset.open(tmp_path / "d")
    assert verify(dataset) == ()
    with dataset.file("action").open("r+b") as file:
        file.seek(4 * 4 * 3)
        file.write(b"\x99")
    assert [d.episodes for d in verify(dataset)] == [(1,)]
    writer.close()


@pytest.mark.parametrize(("name", "old", "new"), [
    ("manifest.json", "m/s", "m/h"), ("episodes.jsonl", "thing 1", "thing 7"),
])  # fmt: skip
def test_a_changed_manifest_or_record_is_named(tmp_path: Path, name, old, new) -> None:
    write_dataset(tmp_path / "d")
    file = tmp_path / "d" / name
    file.write_text(file.read_text().replace(old, new))
    found = verify(Dataset.open(tmp_path / "d"))
    assert [str(d) for d in found] == [f"{file}: was changed after it was written"]


def test_a_shortened_file_names_the_episode_it_ends_in(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    with dataset.file("observation.front").open("r+b") as file:
        file.truncate(192 * 6)
    assert [str(d) for d in verify(dataset)] == [
        f"{dataset.file('observation.front')}: ends within episode 1"
    ]


def test_a_changed_cache_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    view = View(cameras=("front",), size=4)
    view_array(dataset, view)
    file = cache_folder(dataset, view) / "image.bin"
    flip(file, 17)
    (damage,) = verify(dataset)
    assert "its bytes changed since it was built" in str(damage)
