"""A sealed folder is whole or not there, and finds every changed byte."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bydemo.core.errors import CheckpointError, StorageError
from bydemo.core.sealed_folder import MANIFEST, Writer, sweep, verify_folder, write_folder


def writes(content: str) -> Writer:
    return lambda path: path.write_text(content) and None


def full_disk(path: Path) -> None:
    path.write_text("some of it")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_written_folder_verifies(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("1"), "b": writes("2")})
    verify_folder(tmp_path / "f")
    assert sorted(p.name for p in (tmp_path / "f").iterdir()) == ["a", "b", MANIFEST]


def test_flipped_byte_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("12345")})
    (tmp_path / "f" / "a").write_text("12346")
    with pytest.raises(CheckpointError, match=r"f/a: damaged, its SHA-256 is not the manifest's"):
        verify_folder(tmp_path / "f")


def test_missing_file_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("1")})
    (tmp_path / "f" / "a").unlink()
    with pytest.raises(CheckpointError, match=r"f/a: missing, though the manifest lists it"):
        verify_folder(tmp_path / "f")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"sha256": 3}'])
def test_damaged_manifest(tmp_path: Path, content: str) -> None:
    write_folder(tmp_path / "f", {"a": writes("1")})
    (tmp_path / "f" / MANIFEST).write_text(content)
    with pytest.raises(CheckpointError, match=MANIFEST):
        verify_folder(tmp_path / "f")


def test_manifest_cannot_point_outside(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("1")})
    (tmp_path / "f" / MANIFEST).write_text('{"sha256": {"../a": "0"}}')
    with pytest.raises(CheckpointError, match=r"'\.\./a' is no plain file name"):
        verify_folder(tmp_path / "f")


def test_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("old")})
    with pytest.raises(StorageError, match="f: could not be written: No space left on device"):
        write_folder(tmp_path / "f", {"a": writes("new"), "b": full_disk})
    verify_folder(tmp_path / "f")
    assert (tmp_path / "f" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_replaces_an_older_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", {"a": writes("old"), "b": writes("old")})
    write_folder(tmp_path / "f", {"a": writes("new")})
    assert (tmp_path / "f" / "a").read_text() == "new"
    assert not (tmp_path / "f" / "b").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_sweep_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    """Killed while writing: the part goes. Killed between the two renames: the old one is back."""
    (tmp_path / ".new.part").mkdir()
    (tmp_path / ".new.part" / "a").write_text("half")
    write_folder(tmp_path / "f", {"a": writes("old")})
    (tmp_path / "f").rename(tmp_path / ".f.aside")
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    verify_folder(tmp_path / "f")
