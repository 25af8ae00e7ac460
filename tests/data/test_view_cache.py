from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from tests.data.small import SPEC, write_dataset

from bydemo.core.errors import InputError, StorageError
from bydemo.core.fields import Field, Spec
from bydemo.core.images import View
from bydemo.data import view_cache
from bydemo.data.source import Dataset
from bydemo.data.view_cache import cache_folder, clear, verify_cache, view_array

GREY = View(cameras=("front", "wrist"), size=4, colour=False)


@pytest.mark.parametrize("block", [1, 8 * 8 * 3 * 4, 1 << 20])
def test_a_cached_view_is_the_view_of_the_frames(tmp_path: Path, monkeypatch, block: int) -> None:
    monkeypatch.setattr(view_cache, "BLOCK", block)
    dataset = write_dataset(tmp_path / "d")
    counted: list[tuple[int, int]] = []
    seen = view_array(dataset, GREY, lambda done, total: counted.append((done, total)))
    expected = GREY.of({name: dataset.observation(name) for name in GREY.cameras})
    np.testing.assert_array_equal(seen, expected)
    assert not seen.flags.writeable
    assert counted[-1] == (15, 15)


def test_it_is_built_once(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    view_array(dataset, GREY)
    file = cache_folder(dataset, GREY) / "image.bin"
    before = file.stat().st_mtime_ns
    view_array(Dataset.open(tmp_path / "d"), GREY)
    assert file.stat().st_mtime_ns == before
    clear(dataset)
    assert not (tmp_path / "d/cache").exists()


def test_another_view_and_other_data_have_another_cache(tmp_path: Path) -> None:
    a, b = write_dataset(tmp_path / "a"), write_dataset(tmp_path / "b", (5, 3))
    colour = View(cameras=("front", "wrist"), size=4)
    turned = View(cameras=("wrist", "front"), size=4, colour=False)
    names = {cache_folder(d, v).name for d, v in ((a, GREY), (a, colour), (a, turned), (b, GREY))}
    assert len(names) == 4


def test_a_camera_as_recorded_needs_no_cache(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    seen = view_array(dataset, View(cameras=("wrist",), size=8))
    assert seen is dataset.observation("wrist")
    assert not (tmp_path / "d/cache").exists()


def test_what_was_recorded_in_grey_stays_grey(tmp_path: Path) -> None:
    observation = {**SPEC.observation, "front": Field.image(8, 8, 1)}
    spec = Spec(observation=observation, action=SPEC.action, control_rate=10.0)
    dataset = write_dataset(tmp_path / "d", spec=spec)
    seen = view_array(dataset, View(cameras=("front",), size=8, colour=False))
    np.testing.assert_array_equal(seen, dataset.observation("front"))
    both = view_array(dataset, View(cameras=("front", "wrist"), size=8, colour=False))
    np.testing.assert_array_equal(both[..., :1], seen)
    with pytest.raises(InputError, match="field 'front': was recorded in grey"):
        view_array(dataset, View(cameras=("front",), size=8))


def test_a_full_disk_refuses_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    dataset = write_dataset(tmp_path / "d")

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"could not be reserved \(No space left on device\)"):
        view_array(dataset, GREY)
    assert not (tmp_path / "d/cache").exists()


def test_a_shortened_or_changed_cache_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    view_array(dataset, GREY)
    folder = cache_folder(dataset, GREY)
    file = folder / "image.bin"
    verify_cache(folder)
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"image\.bin: its bytes changed since it was built"):
        verify_cache(folder)
    file.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"image\.bin: holds 479 bytes, expected 480"):
        view_array(dataset, GREY)


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    folder = cache_folder(dataset, GREY)
    left = folder.with_name(f".{folder.name}.4194305.part")
    left.mkdir(parents=True)
    view_array(dataset, GREY)
    assert [f.name for f in folder.parent.iterdir()] == [folder.name]


def test_an_unknown_camera_is_answered_with_the_real_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'top': no such camera; there are front, wrist"):
        view_array(write_dataset(tmp_path / "d"), View(cameras=("top",), size=8))
