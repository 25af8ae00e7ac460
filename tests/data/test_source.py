from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.data.small import SPEC, write_dataset

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter


def test_arrays_are_read_only_maps_of_all_steps(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    assert dataset.observation("front").shape == (15, 8, 8, 3)
    assert dataset.annotation("phase").shape == (15, 1)
    assert dataset.reward is None
    assert dataset.starts.tolist() == [0, 5, 8]
    assert dataset.lengths.tolist() == [5, 3, 7]
    for name in dataset.arrays:
        assert not dataset.array(name).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        dataset.episode(0).action[0] = 1


def test_the_fingerprint_tells_data_apart(tmp_path: Path) -> None:
    same = [write_dataset(tmp_path / name).fingerprint() for name in "ab"]
    assert same[0] == same[1] != write_dataset(tmp_path / "c", (5, 3)).fingerprint()


@pytest.mark.parametrize("name", ["observation.wrist.bin", "action.bin", "annotation.phase.bin"])
def test_a_shortened_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_dataset(tmp_path / "d")
    file = tmp_path / "d" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    message = rf"{name}: holds {len(whole) - 1} bytes, but 15 rows need {len(whole)}"
    with pytest.raises(InputError, match=message):
        Dataset.open(tmp_path / "d")
    file.unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        Dataset.open(tmp_path / "d")


def test_a_file_shortened_after_opening_is_named_at_first_use(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    (tmp_path / "d/action.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"action\.bin: holds 0 bytes"):
        _ = dataset.action


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such dataset folder"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"manifest\.json: no such file"):
        Dataset.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": "other/3"}')
    with pytest.raises(InputError, match=r"'schema': is 'other/3', expected 'bydemo\.dataset/1'"):
        Dataset.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read as JSON"):
        Dataset.open(tmp_path)


def test_an_empty_dataset_says_so(tmp_path: Path) -> None:
    DatasetWriter(tmp_path / "d", SPEC, source={}).close()
    with pytest.raises(InputError, match=r"d: holds no finished episode"):
        Dataset.open(tmp_path / "d")


def test_a_damaged_spec_names_file_and_field(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    file = tmp_path / "d/manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["spec"]["control_rate"]
    file.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"manifest\.json, field 'control_rate': the spec lacks"):
        Dataset.open(tmp_path / "d")


def test_lost_or_muddled_records_are_named(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    log = tmp_path / "d/episodes.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:2]))
    with pytest.raises(InputError, match="'episodes': counts 3, but 2 are recorded"):
        Dataset.open(tmp_path / "d")
    log.write_text(lines[0] + lines[2])
    with pytest.raises(InputError, match=r"jsonl: line 2 does not follow on the line before"):
        Dataset.open(tmp_path / "d")
    log.write_text('{"index": 0, "size": 3}\n')
    with pytest.raises(InputError, match=r"episodes\.jsonl: line 1: .*'size'"):
        Dataset.open(tmp_path / "d")


def test_a_field_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    file = tmp_path / "d/manifest.json"
    manifest = json.loads(file.read_text())
    fields = manifest["spec"]["observation"]
    fields["../../secret"] = fields.pop("front")
    file.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="a field's name may hold letters"):
        Dataset.open(tmp_path / "d")


def test_unknown_names_are_answered_with_near_ones(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'observation\.front'"):
        dataset.observation("fronnt")
    with pytest.raises(UnknownNameError, match=r"no split in .* named 'train'"):
        dataset.split("train")
    with pytest.raises(InputError, match=r"field 'episode': is 3, expected 0\.\.2"):
        dataset.episode(3)


def test_a_dataset_may_be_moved(tmp_path: Path) -> None:
    before = write_dataset(tmp_path / "d").fingerprint()
    shutil.move(tmp_path / "d", tmp_path / "e")
    assert Dataset.open(tmp_path / "e").fingerprint() == before


def test_records_that_are_no_text_are_named(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    log = tmp_path / "d/episodes.jsonl"
    log.write_bytes(log.read_bytes().replace(b"thing 1", b"thing \x93"))
    with pytest.raises(InputError, match=r"episodes\.jsonl: is not UTF-8"):
        Dataset.open(tmp_path / "d")
