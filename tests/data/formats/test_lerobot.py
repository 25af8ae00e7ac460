from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.formats.lerobot_files import (
    Columns,
    edit_info,
    write_packed_recording,
    write_recording,
)

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.data.formats import lerobot
from bydemo.data.formats._lerobot_example import CAMERA, frames, video_path, write_video
from bydemo.data.formats._lerobot_video import match_frames
from bydemo.data.source import Dataset

REAL = Path(
    os.environ.get("BYDEMO_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")
) / "cr5_banana"  # fmt: skip


def convert(source: Path, **options: Any) -> Dataset:
    destination = source.with_name("dataset")
    lerobot.Config(**options).convert(source, destination, lambda done, total: None)
    return Dataset.open(destination)


def expect_error(source: Path, *words: str, **options: Any) -> str:
    """Converting fails with all `words` in its message and leaves nothing behind."""
    with pytest.raises((InputError, UnknownNameError)) as caught:
        convert(source, **options)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert sorted(p.name for p in source.parent.iterdir()) == [source.name]
    return message


def pictures(dataset: Dataset, episode: int) -> np.ndarray:
    return dataset.episode(episode).observation["wrist"]


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1", "mpeg4"])
def test_frames_are_matched_by_number_whatever_the_clock_says(tmp_path: Path, codec: str) -> None:
    dataset = convert(write_recording(tmp_path / "toy", codec=codec))
    for episode, steps in enumerate((12, 9)):
        found, expected = pictures(dataset, episode), frames(episode, steps)
        assert found.shape == expected.shape
        # Half of the 12 grey levels between neighbouring steps: no step can be mistaken.
        assert np.abs(found.astype(int) - expected).max() < 6


def test_names_become_parts_and_labels_are_found_by_their_values(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    dataset = convert(source, classes=("gripper=open,closed",), units=("joint_vel=rad/s",))
    parts = {p.name: (p.size, p.unit, p.classes) for p in dataset.spec.action.parts}
    assert parts == {"joint_vel": (2, "rad/s", ()), "gripper": (1, "", ("open", "closed"))}
    assert [p.name for p in dataset.spec.observation["state"].parts] == ["joint"]
    assert dataset.spec.observation["state"].shape == (3,)
    labels = dataset.action[:12, 2]
    assert labels.tolist() == [0.0] * 6 + [1.0] * 6
    assert dataset.manifest["source"]["label_values"] == {"gripper": [-1.0, 1.0]}
    assert dataset.manifest["source"]["component_names"]["action"] == [
        "joint_0_vel", "joint_1_vel", "gripper",
    ]  # fmt: skip
    assert dataset.spec.control_rate == 10.0
    assert dataset.episodes[0].instruction == "stack the blocks"


def test_labels_can_stay_numbers(tmp_path: Path) -> None:
    dataset = convert(write_recording(tmp_path / "toy"), detect_labels=False)
    assert not dataset.spec.action.labels
    assert set(dataset.action[:, 2]) == {-1.0, 1.0}


def test_the_uneven_clock_is_kept(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    stored = pq.read_table(source / "data/chunk-000/episode_000000.parquet")["timestamp"]
    dataset = convert(source)
    time = dataset.annotation("timestamp")[:12, 0]
    np.testing.assert_array_equal(time, stored.to_numpy())
    timing = dataset.manifest["source"]["timing"]
    assert timing["intervals"] == 11 + 8
    assert timing["low"] < 0.1 < timing["high"]


def test_pictures_are_cropped_to_the_middle_and_averaged(tmp_path: Path) -> None:
    def half(images: np.ndarray) -> np.ndarray:
        images[:, :, :32] = 0
        return images

    source = write_recording(tmp_path / "toy")
    write_video(video_path(source, 0), half(frames(0, 12)))
    dataset = convert(source, size=16)
    assert dataset.spec.observation["wrist"].shape == (16, 16, 3)
    found = pictures(dataset, 0).astype(int)
    assert found[0, :, :7].max() < 6
    assert np.abs(found[3, :, 9:] - frames(0, 12)[3, 0, 0]).max() < 6
    stretched = tmp_path / "stretched"
    lerobot.Config(size=16, fit="stretch").convert(source, stretched, lambda a, b: None)
    assert pictures(Dataset.open(stretched), 0).shape == (12, 16, 16, 3)


def test_pictures_in_the_table_are_exact(tmp_path: Path) -> None:
    dataset = convert(write_recording(tmp_path / "toy", in_table=True))
    np.testing.assert_array_equal(pictures(dataset, 1), frames(1, 9))


def test_packed_episodes_of_v3_are_told_apart(tmp_path: Path) -> None:
    dataset = convert(write_packed_recording(tmp_path / "toy"))
    assert [e.length for e in dataset.episodes] == [12, 9, 7]
    for episode, steps in enumerate((12, 9, 7)):
        difference = pictures(dataset, episode).astype(int) - frames(episode, steps)
        assert np.abs(difference).max() < 6


def test_three_episodes_and_more_are_split(tmp_path: Path) -> None:
    assert convert(write_recording(tmp_path / "two" / "toy")).splits == {}
    parts = convert(write_packed_recording(tmp_path / "toy"), split="grouped").splits
    assert parts == {"train": (0,), "validation": (1,), "test": (2,)}


def test_only_the_first_episodes(tmp_path: Path) -> None:
    assert len(convert(write_packed_recording(tmp_path / "toy"), episodes=2).episodes) == 2


def test_unequal_counts_are_matched_by_time(tmp_path: Path) -> None:
    def even(episode: int, data: Columns) -> None:
        data["timestamp"] = (np.arange(len(data["timestamp"])) / 10).astype(np.float32)

    source = write_recording(tmp_path / "toy", frame_counts=(12, 10), change=even)
    dataset = convert(source)
    assert np.abs(pictures(dataset, 1).astype(int) - frames(1, 10)[:9]).max() < 6


def test_matching_by_time_takes_the_nearest_and_refuses_a_missing_stretch() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3])
    rows = np.array([0.01, 0.12, 0.16, 0.24, 0.4])
    where = {"path": Path("a.mp4"), "camera": "wrist", "episode": 4}
    assert match_frames(times, rows, **where).tolist() == [0, 1, 2, 2, 3]
    assert match_frames(times[:1], rows, **where).tolist() == [0] * 5
    with pytest.raises(InputError) as caught:
        match_frames(times, rows * 3, **where)
    assert str(caught.value) == (
        "a.mp4, field 'wrist': episode 4: 4 frames for 5 rows, and row 4 at 1.20 s is 0.90 s away "
        "from the nearest frame"
    )


def test_a_shortened_video_names_episode_and_frame(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy", lengths=(12, 20))
    path = video_path(source, 1)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.8)])
    message = expect_error(source, "episode_000001.mp4", CAMERA.split(".")[-1], "episode 1:")
    assert "frame" in message


def test_a_flipped_byte_in_a_picture_is_noticed(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy", lengths=(12, 20))
    path = video_path(source, 1)
    content = bytearray(path.read_bytes())
    content[-40] ^= 255
    path.write_bytes(content)
    expect_error(source, "episode_000001.mp4", "episode 1: frame 1", "cannot be decoded")


def test_a_video_without_its_index_is_named(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    video_path(source, 0).write_bytes(video_path(source, 0).read_bytes()[:100])
    expect_error(source, "episode_000000.mp4", "holds no video")
    video_path(source, 0).write_bytes(b"something else entirely")
    expect_error(source, "episode_000000.mp4", "is not a readable video")


def test_a_missing_video_and_a_missing_table_are_named(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    video_path(source, 1).unlink()
    expect_error(source, "episode_000001.mp4", "missing")
    (source / "data/chunk-000/episode_000001.parquet").unlink()
    expect_error(source, "episode_000001.parquet: missing")


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    path = source / "data/chunk-000/episode_000000.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    expect_error(source, "episode_000000.parquet", "damaged")


Change = Callable[[Columns], None]


def not_a_number(data: Columns) -> None:
    data["action"][4, 1] = np.nan


def renumbered(data: Columns) -> None:
    data["frame_index"][3] = 7


def backwards(data: Columns) -> None:
    data["timestamp"][5] = 0.0


def too_wide(data: Columns) -> None:
    data["observation.state"] = np.zeros((len(data["action"]), 4), np.float32)


def without_action(data: Columns) -> None:
    del data["action"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (not_a_number, ["field 'action'", "episode 1: is nan at row 4, component 1"]),
        (renumbered, ["field 'frame_index'", "episode 1: row 3 is numbered 7"]),
        (backwards, ["field 'timestamp'", "stands still or runs backwards at row 5"]),
        (too_wide, ["field 'observation.state'", "rows are 4 wide, meta/info.json says 3"]),
        (without_action, ["field 'action'", "missing; the columns are"]),
    ],
)
def test_bad_values_name_file_field_and_row(
    tmp_path: Path, change: Change, words: list[str]
) -> None:
    source = write_recording(
        tmp_path / "toy", change=lambda episode, data: change(data) if episode == 1 else None
    )
    expect_error(source, "episode_000001.parquet", *words)


def test_ragged_rows_are_named(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    path = source / "data/chunk-000/episode_000000.parquet"
    table = pq.read_table(path)
    ragged = pa.array([[0.0] * (4 if i == 2 else 2 if i == 3 else 3) for i in range(12)])
    column = table.column_names.index("action")
    pq.write_table(table.set_column(column, "action", ragged), path)
    expect_error(source, "episode_000000.parquet, field 'action'", "episode 0: row 2 is 4 wide,")


def test_row_counts_must_agree_with_the_metadata(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    path = source / "meta/episodes.jsonl"
    path.write_text(path.read_text().replace('"length": 9', '"length": 10'))
    expect_error(source, "episode 1: 9 rows, meta/ says 10")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i: i.update(codebase_version="v1.6"), ["field 'codebase_version'", "v2.1"]),
        (lambda i: i.pop("features"), ["field 'features'", "missing"]),
        (lambda i: i.update(fps=0), ["field 'fps'", "positive"]),
        (lambda i: i.update(total_episodes=3), ["3 are stated, 2 are listed"]),
        (lambda i: i["features"].pop("action"), ["field 'features.action'"]),
        (lambda i: i.update(data_path="../{episode_index}.parquet"), ["leads out of"]),
        (lambda i: i.update(data_path="{unknown}.parquet"), ["cannot be filled in"]),
        (lambda i: i["features"][CAMERA].update(shape=[64, 64, 3]),
         ["pictures are 48x64, meta/info.json says 64x64"]),
    ],
)  # fmt: skip
def test_a_wrong_info_file_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    source = write_recording(tmp_path / "toy")
    edit_info(source, change)
    expect_error(source, *words)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    assert not lerobot.sniff(tmp_path / "toy")
    expect_error(tmp_path / "toy", "meta/info.json: missing: this is not a LeRobot recording")
    assert lerobot.sniff(write_recording(tmp_path / "toy"))


def test_options_are_checked_against_the_recording(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "toy")
    expect_error(source, "no camera named 'wrst'. Did you mean 'wrist'?", cameras=("wrst",))
    expect_error(source, "no part named 'joint_vell'", units=("joint_vell=rad/s",))
    expect_error(source, "3 class names for the values -1, 1", classes=("gripper=a,b,c",))
    expect_error(source, "'gripper' is not NAME=VALUE", classes=("gripper",))
    expect_error(source, "64 is larger than the recorded 48x64", size=64)


def test_depth_and_unknown_features_are_left_out_and_listed(tmp_path: Path) -> None:
    extra = {
        "observation.images.depth": {
            "dtype": "video", "shape": [48, 64, 1], "names": ["height", "width", "channel"],
            "info": {"video.is_depth_map": True},
        },
        "observation.words": {"dtype": "string", "shape": [1], "names": None},
    }  # fmt: skip
    dataset = convert(write_recording(tmp_path / "toy", features=extra))
    assert dataset.manifest["source"]["left_out"] == list(extra)
    assert dataset.spec.cameras == ("wrist",)


needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the real recording is not at {REAL}; set BYDEMO_TEST_DATA"
)


@needs_real
def test_the_real_dobot_episodes(tmp_path: Path) -> None:
    destination = tmp_path / "cr5"
    lerobot.Config(size=32, episodes=3).convert(REAL, destination, lambda a, b: None)
    dataset = Dataset.open(destination)
    assert [e.length for e in dataset.episodes] == [197, 215, 275]
    assert dataset.episodes[0].instruction == "put the banana on the plate"
    switches = np.diff(dataset.action[:197, 6]) != 0
    assert switches.sum() == 2
    timing = dataset.manifest["source"]["timing"]
    assert 0.04 < timing["low"] < 0.1 < timing["high"]


@needs_real
def test_the_published_av1_videos_show_the_same_pictures(tmp_path: Path) -> None:
    source = tmp_path / "full"
    shutil.copytree(REAL / "meta", source / "meta")
    shutil.copytree(REAL / "data", source / "data")
    folder = source / "videos/chunk-000/observation.images.top"
    folder.mkdir(parents=True)
    (folder / "episode_000000.mp4").symlink_to(REAL / "original_av1/episode_000000.mp4")
    top = "observation.images.top"
    edit_info(source, lambda info: info["features"][top].update(shape=[480, 640, 3]))
    for name, where in (("full-set", source), ("small-set", REAL)):
        lerobot.Config(size=32, episodes=1).convert(where, tmp_path / name, lambda a, b: None)
    full, small = (Dataset.open(tmp_path / n).observation("top") for n in ("full-set", "small-set"))
    assert np.abs(full[:].astype(int) - small[:]).mean() < 4
