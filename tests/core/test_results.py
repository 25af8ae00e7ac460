"""Result files are whole or absent, and hold no made-up number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bydemo.core.errors import InputError, StorageError
from bydemo.core.results import append_line, read_json, read_lines, write_json


def test_undefined_figures_become_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": np.float32(0.5), "z": np.arange(2)})
    assert read_json(tmp_path / "a.json") == {"x": None, "y": 0.5, "z": [0, 1]}


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"a\.json: could not be written: No space left"):
        write_json(path, {"x": 2})
    assert read_json(path) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    append_line(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": ')
    assert list(read_lines(path)) == [{"a": 1}]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"a": 1}\n{"a"\n{"a": 3}\n')
    with pytest.raises(InputError, match="line 2 is not JSON"):
        list(read_lines(path))


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": 1})[:4])
    with pytest.raises(InputError, match=r"a\.json: cannot be read as JSON"):
        read_json(path)
