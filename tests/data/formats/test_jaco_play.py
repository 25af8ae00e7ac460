from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.data.formats.jaco_play_files import ARRAYS, CSV, H5, write_raw, write_table
from tests.data.small import assert_same_episode, write_dataset

from bydemo.core.errors import InputError, MismatchError, StorageError
from bydemo.core.images import grey
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.data.formats import _jaco_play_file, jaco_play
from bydemo.data.formats.jaco_play import Config
from bydemo.data.source import Dataset

LENGTHS = (3, 2, 4)


def convert(source: Path, destination: Path, **options) -> Dataset:
    Config(**options).convert(source, destination, lambda done, total: None)
    return Dataset.open(destination)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_raw(tmp_path / "raw", LENGTHS)
    return tmp_path / "raw"


def refused(source: Path, tmp_path: Path, message: str, kind=InputError, **options) -> None:
    """Converting fails with `message` and leaves nothing behind."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(kind, match=message):
        convert(source, tmp_path / "out", **options)
    assert sorted(tmp_path.iterdir()) == before


# ----------------------------------------------------------------------------- both ways


@pytest.mark.parametrize("block", [1, 3, 128])
def test_every_array_arrives_whole(tmp_path: Path, monkeypatch, block: int) -> None:
    monkeypatch.setattr(jaco_play, "BLOCK", block)
    arrays = write_raw(tmp_path / "raw", LENGTHS)
    dataset = convert(tmp_path / "raw", tmp_path / "d")
    assert dataset.spec == jaco_play_spec()
    for name, key in {"front_cam": "front_cam_ob", "mount_cam": "mount_cam_ob"}.items():
        np.testing.assert_array_equal(dataset.observation(name), arrays[key][..., ::-1])
    for name, key in _jaco_play_file.VECTORS.items():
        np.testing.assert_array_equal(dataset.observation(name), arrays[key])
    np.testing.assert_array_equal(dataset.action, arrays["actions"])
    np.testing.assert_array_equal(dataset.reward, arrays["reward"])
    assert [(e.start, e.length, e.instruction, e.success) for e in dataset.episodes] == [
        (0, 3, "place the thing 0 in the sink", True),
        (3, 2, "place the thing 1 in the sink", True),
        (5, 4, "place the thing 2 in the sink", True),
    ]


def test_files_to_dataset_to_files_is_exact(tmp_path: Path) -> None:
    """Every array, prompt and line of the table, irregular terminals and prompts included."""
    ends = np.float32([0, 1, 0, 0, 0, 0, 0, 1, 1])
    prompts = ["a", "a", "a", "b", "b", "c", "d", "d", "c"]
    arrays = write_raw(tmp_path / "raw", LENGTHS, terminals=ends, prompts=prompts)
    write_table(tmp_path / "raw", LENGTHS, ids=(12, 40, 13))
    dataset = convert(tmp_path / "raw", tmp_path / "d")
    Config().write(dataset, tmp_path / "again")
    with h5py.File(tmp_path / "again" / H5) as file:
        assert set(file) == {*ARRAYS, "prompts"}
        for key in ARRAYS:
            assert file[key].dtype == arrays[key].dtype
            np.testing.assert_array_equal(file[key][:], arrays[key], err_msg=key)
        assert [p.decode() for p in file["prompts"][:]] == prompts
    table = (tmp_path / "again" / CSV).read_text().splitlines()
    assert [line.split(",")[:2] for line in table[1:]] == [
        line.split(",")[:2] for line in (tmp_path / "raw" / CSV).read_text().splitlines()[1:]
    ]


def test_dataset_to_files_to_dataset_is_exact(tmp_path: Path) -> None:
    spec = jaco_play_spec()
    lengths = (3, 1, 2)
    dataset = write_dataset(tmp_path / "d", lengths, spec)
    Config().write(dataset, tmp_path / "raw")
    again = convert(tmp_path / "raw", tmp_path / "again", split="none")
    for name in dataset.arrays:
        np.testing.assert_array_equal(again.array(name), dataset.array(name), err_msg=name)
    assert [e.instruction for e in again.episodes] == [e.instruction for e in dataset.episodes]
    Config().write(again, tmp_path / "raw2")
    third = convert(tmp_path / "raw2", tmp_path / "third", split="none")
    assert third.fingerprint() == again.fingerprint()
    for index in range(3):
        assert_same_episode(third.episode(index), again.episode(index))


def test_a_simulated_dataset_leaves_its_privileged_truth_behind(tmp_path: Path) -> None:
    from bydemo.core.fields import Field, Part

    notes = {"phase": Field.vector(Part(name="phase", size=1, classes=("reach", "grasp")))}
    dataset = write_dataset(tmp_path / "d", (2, 2), jaco_play_spec(notes), success=False)
    Config().write(dataset, tmp_path / "raw")
    again = convert(tmp_path / "raw", tmp_path / "again", split="none")
    assert again.spec == jaco_play_spec()
    assert not again.reward.any()


def test_another_robot_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="observation 'ee_position' exists only in Jaco Play"):
        Config().write(write_dataset(tmp_path / "d"), tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


# ------------------------------------------------------------------------------- options


def test_the_short_episodes_and_their_reference_split(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", (2, 2, 2, 2, 2))
    text = (tmp_path / "raw" / CSV).read_text().splitlines()
    text = [line[:-1] + "80" if line.split(",")[1] == "1" else line for line in text]
    (tmp_path / "raw" / CSV).write_text("\n".join(text))
    short = convert(tmp_path / "raw", tmp_path / "short", under_75=True)
    assert [e.info["episode"] for e in short.episodes] == [0, 2, 3, 4]
    everything = convert(tmp_path / "raw", tmp_path / "all")
    assert [e.info["episode"] for e in everything.episodes] == [0, 1, 2, 3, 4]
    # The same source episodes, whichever way they came in.
    for name, part in short.splits.items():
        a = [short.episodes[i].info["episode"] for i in part]
        assert a == [everything.episodes[i].info["episode"] for i in everything.splits[name]]
    assert everything.split_kind == "reference"


def test_grey_is_the_luma_of_the_rgb(raw: Path, tmp_path: Path) -> None:
    colour = convert(raw, tmp_path / "colour")
    dataset = convert(raw, tmp_path / "grey", colour=False)
    np.testing.assert_array_equal(
        dataset.observation("front_cam"), grey(colour.observation("front_cam"))
    )
    assert dataset.spec.observation["mount_cam"].shape == (224, 224, 1)
    with pytest.raises(MismatchError, match=r"\(224, 224, 1\) against \(224, 224, 3\)"):
        Config().write(dataset, tmp_path / "raw2")


def test_the_hdf5_itself_may_be_named(raw: Path, tmp_path: Path) -> None:
    assert jaco_play.sniff(raw)
    assert jaco_play.sniff(raw / H5)
    assert not jaco_play.sniff(tmp_path)
    assert len(convert(raw / H5, tmp_path / "d").episodes) == 3


def test_a_table_without_index_counts_rows(raw: Path, tmp_path: Path) -> None:
    (raw / CSV).write_text("episode,episode_length,mood\n" + "4,3,x\n" * 3 + "9,2,x\n" * 2)
    dataset = convert(raw, tmp_path / "d", split="none")
    assert [(e.info["episode"], e.length) for e in dataset.episodes] == [(4, 3), (9, 2)]


def test_a_gap_in_the_rows_is_kept_in_mind(raw: Path, tmp_path: Path) -> None:
    (raw / CSV).write_text("index,episode,episode_length\n" + "0,0,9\n1,0,9\n5,0,9\n6,0,9\n")
    dataset = convert(raw, tmp_path / "d", split="none")
    assert dataset.episodes[0].info["gaps_before"] == [2]
    whole = write_raw(tmp_path / "same", LENGTHS)["actions"]
    np.testing.assert_array_equal(dataset.action, whole[[0, 1, 5, 6]])


# ----------------------------------------------------------------------------- bad input


def test_a_wrong_path_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", tmp_path, r"nowhere: no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path, r"all_play_data_diverse\.h5: no such file")


def test_a_missing_table_or_column_is_named(raw: Path, tmp_path: Path) -> None:
    (raw / CSV).write_text(",episode,length\n0,0,1\n")
    refused(raw, tmp_path, r"transition_df\.csv, field 'episode_length': no such column; there "
                           r"are Unnamed: 0, episode, length")  # fmt: skip
    (raw / CSV).write_text(",episode,episode_length\n")
    refused(raw, tmp_path, r"transition_df\.csv: holds no rows")
    (raw / CSV).write_text("")
    refused(raw, tmp_path, r"transition_df\.csv: is empty")
    (raw / CSV).write_bytes(b"\xff\xfe\x00garbage\x9c,\n\x80")
    refused(raw, tmp_path, r"transition_df\.csv: cannot be read as CSV")
    (raw / CSV).unlink()
    refused(raw, tmp_path, r"transition_df\.csv: no such file")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,a,3", "field 'episode': line 2: is 'a', expected a whole number of 0 or more"),
        ("0,0,3\n1,0,", "field 'episode_length': line 3: is 'nan', expected a whole number"),
        ("0.5,0,3", "field 'Unnamed: 0': line 2: is '0.5', expected a whole number"),
        ("-1,0,3", "field 'Unnamed: 0': line 2: is '-1', expected a whole number"),
        ("0,0,3\n0,0,3", "field 'Unnamed: 0': row 0 appears twice"),
        ("1,0,3\n0,0,3", "field 'Unnamed: 0': line 3: goes back within episode 0"),
        ("0,0,3\n1,0,4", "field 'episode_length': differs within episode 0"),
        ("8,0,3\n9,0,3", r"field 'index': episode 0 needs row 9, but all_play_data_diverse\.h5 "
                         "holds 9 rows"),
    ],
)  # fmt: skip
def test_a_bad_row_of_the_table_is_named(raw: Path, tmp_path: Path, rows, message) -> None:
    (raw / CSV).write_text(",episode,episode_length\n" + rows + "\n")
    refused(raw, tmp_path, r"transition_df\.csv, " + message)


def test_no_short_episode_is_an_error(raw: Path, tmp_path: Path) -> None:
    (raw / CSV).write_text(",episode,episode_length\n0,0,75\n")
    refused(raw, tmp_path, "'episode_length': no episode is shorter than 75", under_75=True)


def test_too_few_episodes_to_split_is_an_error(raw: Path, tmp_path: Path) -> None:
    write_table(raw, (3, 2))
    refused(raw, tmp_path, "2 episodes cannot be split in three")
    assert len(convert(raw, tmp_path / "d", split="none").episodes) == 2


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("actions", None, "missing; the file holds ee_cartesian_pos_ob, ee_cartesian_vel_ob, fro"),
        ("prompts", None, "missing; the file holds actions, "),
        ("front_cam_ob", np.zeros((9, 64, 64, 3), np.uint8),
         r"is \(9, 64, 64, 3\) uint8, expected \(9, 224, 224, 3\) uint8"),
        ("mount_cam_ob", np.zeros((9, 224, 224, 3), np.float32),
         r"is \(9, 224, 224, 3\) float32, expected \(9, 224, 224, 3\) uint8"),
        ("ee_cartesian_pos_ob", np.zeros((9, 6), np.float32),
         r"is \(9, 6\) float32, expected \(9, 7\) floating point"),
        ("joint_pos_ob", np.zeros((9, 8), np.int64), r"is \(9, 8\) int64, expected \(9, 8\) float"),
        ("reward", np.zeros(8, np.float32), r"is \(8,\) float32, expected \(9,\) numbers"),
        ("terminals", np.array([b"x"] * 9), r"is \(9,\) \|S1, expected \(9,\) numbers"),
        ("prompts", np.zeros(9), r"is \(9,\) float64, expected \(9,\) text"),
    ],
)  # fmt: skip
def test_a_key_that_is_missing_or_of_another_kind_is_named(tmp_path, key, value, message) -> None:
    write_raw(tmp_path / "raw", LENGTHS, **{key: value})
    refused(tmp_path / "raw", tmp_path, rf"diverse\.h5, field '{key}': {message}")


@pytest.mark.parametrize(
    ("key", "column", "value", "message"),
    [
        ("actions", 1, np.nan, "is not finite at row 4"),
        ("actions", 3, 3, "the gripper label is 3 at row 4, expected 0 open, 1 stay, 2 close"),
        ("actions", 3, 0.5, "the gripper label is 0.5 at row 4, expected 0 open"),
        ("ee_cartesian_vel_ob", 0, -np.inf, "is not finite at row 4"),
    ],
)
def test_a_bad_value_is_named_by_key_and_row(tmp_path, key, column, value, message) -> None:
    values = write_raw(tmp_path / "raw", LENGTHS)[key]
    values[4, column] = value
    write_raw(tmp_path / "raw", LENGTHS, **{key: values})
    refused(tmp_path / "raw", tmp_path, rf"diverse\.h5, field '{key}': {message}")


def test_what_is_no_hdf5_or_a_truncated_one_is_named(raw: Path, tmp_path: Path) -> None:
    whole = (raw / H5).read_bytes()
    (raw / H5).write_bytes(whole[: len(whole) // 2])
    refused(raw, tmp_path, r"diverse\.h5: is truncated")
    (raw / H5).write_bytes(b"no HDF5 at all")
    refused(raw, tmp_path, r"diverse\.h5: cannot be read as HDF5")


def test_a_damaged_chunk_is_named_by_key_and_rows(raw: Path, tmp_path: Path) -> None:
    with h5py.File(raw / H5, "a") as file:
        values = file["front_cam_ob"][:]
        del file["front_cam_ob"]
        data = file.create_dataset("front_cam_ob", data=values, chunks=(1, 224, 224, 3),
                                   compression="gzip", fletcher32=True)  # fmt: skip
        at = data.id.get_chunk_info(4).byte_offset
    with (raw / H5).open("r+b") as file:
        file.seek(at + 1000)
        file.write(b"damage")
    refused(raw, tmp_path, r"field 'front_cam_ob': rows 3-4 cannot be read: ")


def test_a_locked_file_is_a_friendly_message(raw: Path, tmp_path: Path) -> None:
    holder = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(raw / H5)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        refused(raw, tmp_path, "another program has it open and locked; close that", StorageError)
        process.communicate(b"\n")


def test_a_full_disk_leaves_nothing_either_way(tmp_path: Path, monkeypatch) -> None:
    write_raw(tmp_path / "raw", LENGTHS)
    dataset = convert(tmp_path / "raw", tmp_path / "d")

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    refused(tmp_path / "raw", tmp_path, "could not be reserved", StorageError)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError, match=r"2\.7 MB could not be reserved"):
        Config().write(dataset, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_an_existing_destination_is_never_touched(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("precious")
    with pytest.raises(InputError, match="out: already exists; choose another path or remove it"):
        convert(raw, tmp_path / "out")
    assert (tmp_path / "out/mine").read_text() == "precious"


def test_an_episode_of_any_length_is_read_in_blocks(tmp_path: Path, monkeypatch) -> None:
    """No read asks for more rows than a block, so that 16 GB never need 16 GB of memory."""
    monkeypatch.setattr(jaco_play, "BLOCK", 4)
    write_raw(tmp_path / "raw", (11, 3))
    asked = []
    read = _jaco_play_file.PlayFile._read

    def counted(self, key, start, stop):
        asked.append(stop - start)
        return read(self, key, start, stop)

    monkeypatch.setattr(_jaco_play_file.PlayFile, "_read", counted)
    convert(tmp_path / "raw", tmp_path / "d", split="none")
    assert max(asked) == 4
