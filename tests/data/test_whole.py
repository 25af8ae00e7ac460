from __future__ import annotations

import os
from pathlib import Path

import pytest

from bydemo.core.errors import InputError, StorageError
from bydemo.data.whole import new_folder, require_space


def fill(folder: Path, error: BaseException | None = None) -> None:
    with new_folder(folder) as temporary:
        (temporary / "a").write_text("whole")
        assert not folder.exists()
        if error:
            raise error


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "new")
    assert (tmp_path / "deep/new/a").read_text() == "whole"
    assert [f.name for f in (tmp_path / "deep").iterdir()] == ["new"]


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), InputError("bad")])
def test_a_failure_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        fill(tmp_path / "new", error)
    assert list(tmp_path.iterdir()) == []


def test_a_system_error_becomes_a_clear_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="new: could not be written: No space left on device"):
        fill(tmp_path / "new", OSError(28, "No space left on device"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written: Not a directory"):
        fill(tmp_path / "file" / "new")


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    dead, living = tmp_path / ".new.4194305.part", tmp_path / f".new.{os.getppid()}.part"
    other = tmp_path / ".new.notes.part"
    for folder in (dead, living, other):
        folder.mkdir()
    fill(tmp_path / "new")
    assert {f.name for f in tmp_path.iterdir()} == {"new", living.name, other.name}


def test_space_is_really_reserved_and_given_back(tmp_path: Path) -> None:
    require_space(tmp_path, 1000)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match=r"1000000000000\.0 MB could not be reserved"):
        require_space(tmp_path, 10**18)
    assert list(tmp_path.iterdir()) == []
