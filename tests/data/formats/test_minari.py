from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari as library
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.formats.minari_files import (
    BOX,
    NESTED,
    SEED,
    SPOKEN,
    STORAGES,
    TORQUES,
    TUPLE,
    buffers,
    home,
    open_by_library,
    play_pusher,
    same_episodes,
    write_by_library,
)

from bydemo.core.fields import check_match
from bydemo.core.gymnasium_spec import control_rate_of, environment_spec
from bydemo.data.formats import minari, tensors
from bydemo.data.formats._jaco_play_example import example_dataset as jaco_dataset
from bydemo.data.source import Dataset


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def convert(source: Path, destination: Path, **options: Any) -> Dataset:
    minari.Config(**options).convert(source, destination, quiet)
    return Dataset.open(destination)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of three short episodes of the real Pusher, written by Minari itself."""
    recorded = play_pusher(3, 7)
    pusher = gymnasium.make("Pusher-v5")
    return write_by_library(
        tmp_path_factory.mktemp("root"), "mujoco/pusher/tries-v0", recorded,
        pusher.observation_space, pusher.action_space, environment="Pusher-v5",
        ref_max_score=-22.4, ref_min_score=-148.8, author="somebody", algorithm_name="dice",
    )  # fmt: skip


def test_a_set_of_the_real_pusher_is_read_as_the_environment_gave_it(
    played: Path, tmp_path: Path
) -> None:
    dataset = convert(played, tmp_path / "d")
    pusher = gymnasium.make("Pusher-v5")
    expected = environment_spec(
        "Pusher-v5", pusher.observation_space, pusher.action_space, control_rate_of(pusher)
    )
    check_match(dataset.spec, expected, ours_name="the set", theirs_name="the environment")
    assert dataset.spec.control_rate == 20.0
    assert [e.info["seed"] for e in dataset.episodes] == [SEED, SEED + 1, SEED + 2]
    for record in dataset.episodes:
        episode = dataset.episode(record.index)
        seen, _ = pusher.reset(seed=record.info["seed"])
        for step, action in enumerate(episode.action):
            np.testing.assert_array_equal(episode.observation["observation"][step], seen)
            seen, reward, *_ = pusher.step(action)
            assert episode.annotation["exact_reward"][step, 0] == reward
            assert episode.reward is not None
            assert episode.reward[step] == np.float32(reward)
        assert episode.final_observation is not None
        np.testing.assert_array_equal(episode.final_observation["observation"], seen)
        assert (record.info["terminations"], record.info["truncations"]) == ([], [6])
        assert record.success is None


def test_the_manifest_says_where_it_comes_from(played: Path, tmp_path: Path) -> None:
    source = convert(played, tmp_path / "d").manifest["source"]
    assert source["format"] == source["kind"] == "minari"
    assert source["id"] == "mujoco/pusher/tries-v0"
    assert source["environment"]["id"] == "Pusher-v5"
    assert (source["ref_max_score"], source["ref_min_score"]) == (-22.4, -148.8)
    assert source["about"]["algorithm_name"] == "dice"


@pytest.mark.parametrize("storage", STORAGES)
def test_minari_opens_what_we_write(
    played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Any
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    dataset = convert(played, tmp_path / "d")
    place = tmp_path / "root" / "mujoco" / "pusher" / "ours-v2"
    minari.Config(
        storage=storage, ref_max_score=-20.0, ref_min_score=-55.0, author=("a", "b"),
        description="short tries",
    ).write(dataset, place)  # fmt: skip
    found = library.load_dataset("mujoco/pusher/ours-v2")
    assert (found.id, found.spec.version) == ("mujoco/pusher/ours-v2", 2)
    same_episodes(found, open_by_library(played))
    assert found.recover_environment().spec.id == "Pusher-v5"
    score = library.get_normalized_score(found, np.array([-20.0, -55.0]))
    np.testing.assert_array_equal(score, [1, 0])
    assert "observations=" in repr(found[0])
    about = found.storage.metadata
    assert about["author"] == {"a", "b"}
    assert (about["algorithm_name"], about["description"]) == ("dice", "short tries")
    assert list(library.list_local_datasets()) == ["mujoco/pusher/ours-v2"]
    again = convert(Path("mujoco/pusher/ours-v2"), tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("observation", "action"),
    [(NESTED, spaces.Discrete(3, start=-1)), (TUPLE, TORQUES), (SPOKEN, spaces.MultiBinary(2))],
    ids=["nested", "tuple", "text"],
)
def test_there_and_back_is_exact(
    tmp_path: Path, storage: Any, observation: spaces.Space, action: spaces.Space
) -> None:
    episodes = buffers(observation, action)
    theirs = write_by_library(tmp_path, "set-v0", episodes, observation, action, storage=storage)
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    minari.Config(storage=storage).write(dataset, tmp_path / "ours-v0")
    same_episodes(open_by_library(tmp_path / "ours-v0"), open_by_library(theirs))
    again = convert(tmp_path / "ours-v0", tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()
    assert [e.info for e in again.episodes] == [e.info for e in dataset.episodes]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    width=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "float64"]),
    storage=st.sampled_from(STORAGES),
)
def test_any_numbers_survive(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], seed: int, width: int,
    dtype: str, storage: Any,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("any")
    seen = spaces.Box(-np.inf, np.inf, (width,), np.dtype(dtype).type)
    episodes = buffers(seen, TORQUES, lengths, seed=seed)
    theirs = write_by_library(folder, "set-v0", episodes, seen, TORQUES, storage=storage)
    dataset = convert(theirs, folder / "d", control_rate=10.0)
    minari.Config(storage=storage).write(dataset, folder / "ours-v0")
    same_episodes(open_by_library(folder / "ours-v0"), open_by_library(theirs))


def test_dictionaries_become_dotted_fields_and_discrete_values_labels(tmp_path: Path) -> None:
    episodes = buffers(NESTED, spaces.Discrete(3, start=-1))
    theirs = write_by_library(tmp_path, "set-v0", episodes, NESTED, spaces.Discrete(3, start=-1))
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    assert set(dataset.spec.observation) == {
        "goal", "robot.joint", "robot.state", "camera", "switches",
    }  # fmt: skip
    assert dataset.spec.cameras == ("camera",)
    assert dataset.spec.action.labels[0].classes == ("0", "1", "2")
    episode, stored = dataset.episode(1), episodes[1]
    np.testing.assert_array_equal(episode.action[:, 0], np.asarray(stored.actions) + 1)
    assert isinstance(stored.observations, dict)
    np.testing.assert_array_equal(
        episode.observation["robot.state"], stored.observations["robot"]["state"][:-1]
    )
    np.testing.assert_array_equal(
        episode.observation["goal"][:, 0], stored.observations["goal"][:-1] - 1
    )
    assert episode.final_observation is not None
    np.testing.assert_array_equal(
        episode.final_observation["camera"], stored.observations["camera"][-1]
    )
    assert dict(episode.info)["options"] == {"start": {"x": 1.5}, "name": "a"}


def test_a_text_becomes_the_instruction(tmp_path: Path) -> None:
    theirs = write_by_library(tmp_path, "set-v0", buffers(SPOKEN, TORQUES), SPOKEN, TORQUES)
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    assert {e.instruction for e in dataset.episodes} == {"push"}
    assert set(dataset.spec.observation) == {"place"}


@pytest.mark.parametrize("storage", STORAGES)
def test_compressed_pictures_are_unpacked(tmp_path: Path, storage: str) -> None:
    seen = spaces.Dict({"camera": spaces.Box(0, 255, (40, 48, 3), np.uint8)})
    theirs = write_by_library(
        tmp_path, "set-v0", buffers(seen, TORQUES), seen, TORQUES, storage=storage
    )
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    expected = open_by_library(theirs)[1].observations["camera"]
    np.testing.assert_array_equal(dataset.episode(1).observation["camera"], expected[:-1])
    minari.Config(storage=storage).write(dataset, tmp_path / "ours-v0")  # type: ignore[arg-type]
    ours = open_by_library(tmp_path / "ours-v0")[1].observations["camera"]
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("storage", STORAGES)
def test_infos_become_annotations_and_go_back(tmp_path: Path, storage: Any) -> None:
    episodes = buffers(BOX, TORQUES, infos=True)
    theirs = write_by_library(tmp_path, "set-v0", episodes, BOX, TORQUES, storage=storage)
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    found = dataset.spec.annotation
    assert {n: (f.shape, f.dtype) for n, f in found.items()} == {
        "arm.contacts": ((1,), "int64"), "matrix": ((4,), "float32"), "qpos": ((3,), "float64"),
        "success": ((1,), "uint8"), "exact_reward": ((1,), "float64"),
    }  # fmt: skip
    assert dataset.manifest["source"]["infos_left_out"] == {"phase": "no numbers"}
    assert {e.success for e in dataset.episodes} == {True}
    infos = episodes[2].infos
    assert infos is not None
    np.testing.assert_array_equal(dataset.episode(2).annotation["qpos"], infos["qpos"][:-1])
    minari.Config(storage="hdf5").write(dataset, tmp_path / "ours-v0")
    again = open_by_library(tmp_path / "ours-v0")[2].infos
    for key in ("qpos", "matrix", "success"):
        assert again[key].dtype == infos[key].dtype
        assert again[key].tobytes() == infos[key].tobytes()
    np.testing.assert_array_equal(again["arm"]["contacts"], infos["arm"]["contacts"])
    assert not convert(theirs, tmp_path / "e", control_rate=1.0, infos=False).spec.annotation.keys(
    ) - {"exact_reward"}  # fmt: skip


def test_infos_that_not_all_episodes_have_are_left_out(tmp_path: Path) -> None:
    episodes = buffers(BOX, TORQUES, infos=True)
    assert episodes[1].infos is not None
    del episodes[1].infos["qpos"]
    episodes[2].infos["matrix"][1, 0, 0] = np.nan  # type: ignore[index]
    theirs = write_by_library(tmp_path, "set-v0", episodes, BOX, TORQUES)
    dataset = convert(theirs, tmp_path / "d", control_rate=10.0)
    assert set(dataset.spec.annotation) == {"arm.contacts", "success", "exact_reward"}
    assert dataset.manifest["source"]["infos_left_out"] == {
        "phase": "no numbers", "qpos": "not in every episode", "matrix": "not finite everywhere",
    }  # fmt: skip


def test_windows_are_episodes_with_their_true_end(played: Path, tmp_path: Path) -> None:
    whole = convert(played, tmp_path / "whole")
    cut = convert(played, tmp_path / "cut", window=3, stride=2)
    assert [e.length for e in cut.episodes] == [3] * 9
    assert [e.info["first_step"] for e in cut.episodes] == [0, 2, 4] * 3
    assert [e.info["episode"] for e in cut.episodes] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for record in cut.episodes:
        part, of = cut.episode(record.index), whole.episode(record.info["episode"])
        start = record.info["first_step"]
        np.testing.assert_array_equal(part.action, of.action[start : start + 3])
        assert part.final_observation is not None
        assert of.final_observation is not None
        seen = [*of.observation["observation"], of.final_observation["observation"]]
        np.testing.assert_array_equal(part.final_observation["observation"], seen[start + 3])
        assert record.info["truncations"] == ([2] if start == 4 else [])
        # A seed resets to the start of the episode, not of the window.
        assert ("seed" in record.info) == (start == 0)
    parts = {i: name for name, indices in cut.splits.items() for i in indices}
    assert len(parts) == 9
    for first in (0, 3, 6):
        assert len({parts[i] for i in range(first, first + 3)}) == 1


def test_windows_do_not_overlap_unless_asked(played: Path, tmp_path: Path) -> None:
    cut = convert(played, tmp_path / "d", window=3)
    assert [e.info["first_step"] for e in cut.episodes] == [0, 3] * 3


def test_a_part_can_be_read_alone(played: Path, tmp_path: Path) -> None:
    part = convert(played, tmp_path / "d", first=1, episodes=1)
    assert [e.info["seed"] for e in part.episodes] == [SEED + 1]
    rest = convert(played, tmp_path / "e", first=1)
    assert [e.info["episode"] for e in rest.episodes] == [1, 2]


def test_sets_are_found_by_id_path_and_data_folder(
    played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(played.parents[2]))
    known = Path("mujoco/pusher/tries-v0")
    prints = {
        convert(source, tmp_path / f"d{i}").fingerprint()
        for i, source in enumerate((known, played, played / "data"))
    }
    assert len(prints) == 1
    assert minari.sniff(known)
    assert not minari.sniff(Path("mujoco/pusher/other-v0"))


def test_what_minari_has_no_place_for_survives(tmp_path: Path) -> None:
    dataset = jaco_dataset(tmp_path / "jaco")
    minari.Config().write(dataset, tmp_path / "set")
    again = convert(tmp_path / "set", tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()
    assert [(e.instruction, e.success) for e in again.episodes] == [
        (e.instruction, e.success) for e in dataset.episodes
    ]
    found = open_by_library(tmp_path / "set")
    assert found.id == "set-v0"
    assert found[0].observations["front_cam"].dtype == np.uint8
    assert len(found[0].observations["front_cam"]) == dataset.episodes[0].length + 1


def test_a_file_of_tensors_becomes_a_set(tmp_path: Path) -> None:
    tensors.example(tmp_path / "tensors")
    tensors.Config().convert(tmp_path / "tensors", tmp_path / "d", quiet)
    dataset = Dataset.open(tmp_path / "d")
    minari.Config(storage="arrow").write(dataset, tmp_path / "set-v0")
    assert not open_by_library(tmp_path / "set-v0")[0].rewards.any()
    again = convert(tmp_path / "set-v0", tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()
    assert "reward" not in again.arrays


def test_a_recording_of_a_task_names_its_environment(played: Path, tmp_path: Path) -> None:
    dataset = convert(played, tmp_path / "d")
    sources = [
        {"task": "pusher"},
        {"task": "gym", "task_config": {"environment": "Pusher-v5", "options": "{}"}},
        {"environment": "Pusher-v5"},
    ]
    for number, source in enumerate(sources):
        dataset.manifest["source"].clear()  # type: ignore[attr-defined]
        dataset.manifest["source"].update(source)
        minari.Config().write(dataset, tmp_path / f"set{number}-v0")
        found = open_by_library(tmp_path / f"set{number}-v0")
        assert found.recover_environment().spec.id == "Pusher-v5"
        assert found.action_space == gymnasium.make("Pusher-v5").action_space


def test_an_episode_shorter_than_its_environment_allows_has_terminated(tmp_path: Path) -> None:
    minari.example(tmp_path / "example")
    dataset = convert(tmp_path / "example", tmp_path / "d")
    for record in dataset.episodes:
        del record.info["terminations"], record.info["truncations"]  # type: ignore[attr-defined]
    minari.Config(environment="Pusher-v5").write(dataset, tmp_path / "early-v0")
    minari.Config().write(dataset, tmp_path / "unknown-v0")
    for name, terminated in (("early-v0", True), ("unknown-v0", False)):
        for episode in open_by_library(tmp_path / name):
            assert bool(episode.terminations[-1]) is terminated
            assert bool(episode.truncations[-1]) is not terminated
            assert not episode.terminations[:-1].any()


def test_actions_beyond_their_limits_can_be_clipped(played: Path, tmp_path: Path) -> None:
    with h5py.File(played / "data" / "main_data.hdf5") as file:
        stored = file["episode_1/actions"][()]
    copy = write_by_library(
        tmp_path, "over-v0", play_pusher(3, 7), BOX_23, gymnasium.make("Pusher-v5").action_space,
        environment="Pusher-v5",
    )  # fmt: skip
    with h5py.File(copy / "data" / "main_data.hdf5", "r+") as file:
        file["episode_1/actions"][4, 2] = 2.0000005
        file["episode_1/actions"][5, 0] = -7
    dataset = convert(copy, tmp_path / "d", clip_actions=True)
    expected = stored.copy()
    expected[4, 2], expected[5, 0] = 2, -2
    np.testing.assert_array_equal(dataset.episode(1).action, expected)


BOX_23 = spaces.Box(-np.inf, np.inf, (23,), np.float64)


def test_reading_and_writing_need_neither_minari_nor_jax(played: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from bydemo.data.formats import minari
from bydemo.data.source import Dataset
minari.Config().convert(Path({str(played)!r}), Path({str(tmp_path / "d")!r}), lambda *_: None)
minari.Config().write(Dataset.open({str(tmp_path / "d")!r}), Path({str(tmp_path / "w-v0")!r}))
sys.exit("minari" in sys.modules or "jax" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_minari_is_asked_to_download_only_when_told_to(
    played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(id: str) -> None:
        asked.append(id)
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / id).parent.mkdir(parents=True)
        (tmp_path / "root" / id).symlink_to(played)

    monkeypatch.setattr(library, "download_dataset", download)
    with home(tmp_path / "root"):
        for _ in range(2):
            source = Path("mujoco/pusher/tries-v0")
            convert(source, tmp_path / f"d{len(list(tmp_path.iterdir()))}", download=True)
    assert asked == ["mujoco/pusher/tries-v0"]
