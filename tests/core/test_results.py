"""Result files are whole or absent, and hold no made-up number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.disk import full_disk

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


def test_appending_replaces_a_line_that_was_cut_short(tmp_path: Path) -> None:
    """Otherwise the torn line would end up in the middle, where it is damage."""
    path = tmp_path / "m.jsonl"
    for torn in ('{"a": ', "x" * 10_000):
        path.write_text('{"a": 1}\n' + torn)
        append_line(path, {"a": 2})
        assert path.read_text() == '{"a": 1}\n{"a": 2}\n'
    path.write_text("torn")
    append_line(path, {"a": 3})
    assert list(read_lines(path)) == [{"a": 3}]


def test_a_line_that_does_not_fit_on_the_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    append_line(path, {"a": 1})
    with full_disk(100), pytest.raises(StorageError, match=r"m\.jsonl: could not be written"):
        append_line(path, {"a": "x" * 1000})
    assert list(read_lines(path)) == [{"a": 1}]
    append_line(path, {"a": 2})
    assert list(read_lines(path)) == [{"a": 1}, {"a": 2}]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"a": 1}\n{"a"\n{"a": 3}\n')
    with pytest.raises(InputError, match="line 2 is not JSON"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"a": 1}\n3\n', "line 2 is no JSON object"), (b"\xff\xfe\n", "is not UTF-8")],
)
def test_what_is_no_row_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"m\.jsonl: {message}"):
        list(read_lines(path))


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": 1})[:4])
    with pytest.raises(InputError, match=r"a\.json: cannot be read as JSON"):
        read_json(path)
