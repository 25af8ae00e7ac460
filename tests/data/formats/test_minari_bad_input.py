"""Whatever is wrong with a Minari set: exit code 2, the place named, and nothing left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari as library
import numpy as np
import pyarrow as pa
import pytest
from gymnasium import spaces
from tests.data.formats.minari_files import (
    BOX,
    STORAGES,
    TORQUES,
    buffers,
    edit_metadata,
    write_by_library,
)

from bydemo.cli import main
from bydemo.core.errors import InputError
from bydemo.data.formats import minari
from bydemo.data.source import Dataset

Refuse = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Minari's own folder, with one set `toy/reach-v0`; the working directory is empty."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_by_library(tmp_path / "root", "toy/reach-v0", buffers(BOX, TORQUES), BOX, TORQUES)
    return tmp_path / "root"


@pytest.fixture
def set_path(root: Path) -> Path:
    return root / "toy" / "reach-v0"


@pytest.fixture
def refuse(root: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Converts on the command line; it must leave with 2, all words said, and no file made."""

    def run(source: str | Path, *words: str, options: tuple[str, ...] = ("--control-rate", "10")):
        assert main(["convert", "minari", str(source), "d", *options]) == 2
        said = capsys.readouterr().err
        for word in words:
            assert word in said, said
        assert "Traceback" not in said
        assert not list(Path().iterdir())
        return said

    return run


def file_of(path: Path) -> h5py.File:
    return h5py.File(path / "data" / "main_data.hdf5", "r+")


def test_an_unknown_id_lists_near_and_local_ones(root: Path, refuse: Refuse) -> None:
    refuse(
        "toy/raech-v0", f"toy/raech-v0: no such folder, and no set of this id under {root}. "
        "Did you mean 'toy/reach-v0'? Local sets: toy/reach-v0. --download fetches",
    )  # fmt: skip
    shutil.rmtree(root)
    refuse("toy/reach-v0", "Local sets: none.")


def test_a_failed_download_says_what_to_do_without_a_network(
    root: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(id: str) -> None:
        raise ConnectionError("Name or service not known\nand more")

    monkeypatch.setattr(library, "download_dataset", offline)
    refuse(
        "toy/push-v0", "toy/push-v0: could not be downloaded (ConnectionError: Name or service not "
        f"known). Without a network, copy the set's folder to {root}/toy/push-v0",
        options=("--download",),
    )  # fmt: skip
    refuse("no id", "is no id of a set", options=("--download",))


@pytest.mark.parametrize("name", ["observations", "actions", "rewards", "truncations"])
def test_a_missing_field_is_named_with_what_is_there(
    set_path: Path, refuse: Refuse, name: str
) -> None:
    with file_of(set_path) as file:
        del file[f"episode_1/{name}"]
    said = refuse(set_path, "main_data.hdf5", f"field 'episode_1/{name}'", "missing; there is ")
    assert "terminations" in said


def test_numbers_of_another_space_are_refused(set_path: Path, refuse: Refuse) -> None:
    with file_of(set_path) as file:
        del file["episode_2/observations"]
        file["episode_2/observations"] = np.zeros((5, 9))
    refuse(
        set_path, "field 'observation': episode 2: is (9,) float64, but the metadata says "
        "Box(4,) float64",
    )  # fmt: skip
    with file_of(set_path) as file:
        del file["episode_2/observations"]
        file["episode_2/observations"] = np.zeros((5, 4))
        del file["episode_0/actions"]
        file["episode_0/actions"] = np.full((5, 2), 0.1)
    refuse(set_path, "field 'actions': episode 0: is float64 and holds numbers that are none of "
           "float32")  # fmt: skip


def test_doubles_that_are_floats_are_taken(set_path: Path, tmp_path: Path) -> None:
    with file_of(set_path) as file:
        stored = file["episode_0/actions"][()]
        del file["episode_0/actions"]
        file["episode_0/actions"] = stored.astype(np.float64)
    minari.Config(control_rate=10.0).convert(set_path, tmp_path / "d", lambda *_: None)
    np.testing.assert_array_equal(Dataset.open(tmp_path / "d").episode(0).action, stored)


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("observations", 2, "field 'observation': episode 1: is not finite at step 2"),
        ("observations", 3, "field 'observation': episode 1: is not finite at step 3"),
        ("actions", 1, "field 'actions': episode 1: is not finite at step 1"),
        ("rewards", 0, "field 'rewards': episode 1: is not finite at step 0"),
    ],
)
def test_nan_is_named_by_episode_and_step(
    set_path: Path, refuse: Refuse, name: str, row: int, words: str
) -> None:
    with file_of(set_path) as file:
        file[f"episode_1/{name}"][row] = np.nan
    refuse(set_path, words)


def test_an_action_beyond_its_limits_is_named(set_path: Path, refuse: Refuse) -> None:
    with file_of(set_path) as file:
        file["episode_2/actions"][3, 1] = 2.0000005
    refuse(
        set_path, "field 'actions': episode 2: step 3: component 1 is 2.00000048, outside -2..2; "
        "clip_actions (--clip-actions) clips",
    )  # fmt: skip


def test_a_discrete_action_beyond_its_classes_is_named(root: Path, refuse: Refuse) -> None:
    choices = spaces.Discrete(3)
    path = write_by_library(root, "toy/choose-v0", buffers(BOX, choices), BOX, choices)
    with file_of(path) as file:
        file["episode_1/actions"][2] = 3
    refuse(path, "episode 1: part 'action' is 3 at step 2, expected a class index 0..2")


def test_a_writer_too_refuses_actions_beyond_their_limits(set_path: Path, tmp_path: Path) -> None:
    with file_of(set_path) as file:
        file["episode_0/actions"][1, 0] = 5
    edit_metadata(set_path, action_space=json.dumps(
        {"type": "Box", "dtype": "float32", "shape": [2], "low": [-9, -9], "high": [9, 9]}
    ))  # fmt: skip
    minari.Config(control_rate=10.0).convert(set_path, tmp_path / "d", lambda *_: None)
    dataset = Dataset.open(tmp_path / "d")
    dataset.manifest["source"].clear()  # type: ignore[attr-defined]
    minari.Config().write(dataset, tmp_path / "wide-v0")
    narrow = dataset.manifest["spec"] | {}
    narrow["action"]["parts"][0] |= {"low": -2.0, "high": 2.0}
    manifest = tmp_path / "d" / "manifest.json"
    manifest.write_text(json.dumps(dataset.manifest | {"spec": narrow}))
    dataset = Dataset.open(tmp_path / "d")
    with pytest.raises(InputError, match=r"episode 0: step 1: component 0 is 5, outside -2..2"):
        minari.Config().write(dataset, tmp_path / "narrow-v0")
    assert not (tmp_path / "narrow-v0").exists()
    minari.Config(clip_actions=True).write(dataset, tmp_path / "narrow-v0")


def test_an_empty_set_is_refused(root: Path, refuse: Refuse) -> None:
    path = write_by_library(root, "toy/none-v0", [], BOX, TORQUES)
    refuse(path, "metadata.json, field 'total_episodes': the set is empty: it holds no episode")


def test_a_truncated_file_is_named(set_path: Path, refuse: Refuse) -> None:
    file = set_path / "data" / "main_data.hdf5"
    file.write_bytes(file.read_bytes()[:-1000])
    refuse(set_path, f"{file}: cannot be read as HDF5: ", "truncated")


def test_a_flipped_byte_is_caught_in_what_we_write(set_path: Path, tmp_path: Path) -> None:
    minari.Config(control_rate=10.0).convert(set_path, tmp_path / "d", lambda *_: None)
    dataset = Dataset.open(tmp_path / "d")
    minari.Config().write(dataset, tmp_path / "ours-v0")
    file = tmp_path / "ours-v0" / "data" / "main_data.hdf5"
    content = bytearray(file.read_bytes())
    at = content.find(dataset.episode(1).action.tobytes())
    content[at + 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="episode_1/actions"):
        minari.Config().convert(tmp_path / "ours-v0", tmp_path / "e", lambda *_: None)


def test_stated_and_stored_numbers_must_agree(set_path: Path, refuse: Refuse) -> None:
    edit_metadata(set_path, total_episodes=5)
    refuse(set_path, "main_data.hdf5: holds 3 episodes, but the metadata states 5")
    edit_metadata(set_path, total_episodes=3)
    with file_of(set_path) as file:
        file["episode_0"].attrs["total_steps"] = 9
    refuse(set_path, "states 9 steps, but holds 5")


def test_as_many_observations_as_actions_are_too_few(set_path: Path, refuse: Refuse) -> None:
    with file_of(set_path) as file:
        file["episode_0/observations"].resize((5, 4))
    refuse(set_path, "episode 0: 5 rows for 5 actions, expected 6")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation_space": None}, "field 'observation_space': missing"),
        ({"action_space": '{"type": "Sphere"}'}, "no space of type 'Sphere' is known"),
        ({"action_space": "{"}, "field 'action_space': is no space as Minari describes one"),
        ({"data_format": "zarr"}, "is 'zarr', expected one of hdf5, arrow, parquet"),
        ({"total_episodes": "3"}, "field 'total_episodes': is '3', expected a whole number"),
        ({"env_spec": "[1]"}, "field 'env_spec': is no environment"),
        ({"bydemo": {"spec": {}}}, "metadata.json, field 'observation': the spec lacks it"),
    ],
)
def test_malformed_metadata_is_named(
    set_path: Path, refuse: Refuse, changes: dict[str, Any], words: str
) -> None:
    edit_metadata(set_path, **changes)
    refuse(set_path, "metadata.json", words)


def test_a_space_that_is_no_field_is_refused(set_path: Path, refuse: Refuse) -> None:
    edit_metadata(set_path, observation_space=json.dumps(
        {"type": "Box", "dtype": "float64", "shape": [2, 2], "low": [[0, 0]] * 2,
         "high": [[1, 1]] * 2}
    ))  # fmt: skip
    refuse(set_path, "metadata.json, field 'observation'", "neither a vector of numbers")


def describe(**changes: Any) -> str:
    return json.dumps(json.loads(gymnasium.spec("Pusher-v5").to_json()) | changes)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (None, "the set names no environment, and so no control rate"),
        (describe(id="Pusherr-v5"), "the environment 'Pusherr-v5' is not installed here (there is "
                                    "Pusher-v5"),
        (describe(entry_point="os:system"), "'Pusher-v5' is 'gymnasium.envs.mujoco.pusher_v5:"
                                            "PusherEnv' here, but 'os:system' in the set"),
        (describe(kwargs={"weight": 1}), "weight"),
    ],
)  # fmt: skip
def test_an_environment_that_cannot_be_made_asks_for_the_rate(
    set_path: Path, refuse: Refuse, environment: str | None, words: str
) -> None:
    edit_metadata(set_path, env_spec=environment)
    refuse(set_path, "metadata.json, field 'env_spec'", words,
           "give the rate [Hz] yourself: --control-rate 20", options=())  # fmt: skip


def test_no_code_that_a_set_names_is_run(set_path: Path, refuse: Refuse, tmp_path: Path) -> None:
    run = {"id": "Evil-v0", "entry_point": "os:system", "kwargs": {"command": "touch ran"}}
    edit_metadata(set_path, env_spec=json.dumps(run))
    refuse(set_path, "the environment 'Evil-v0' is not installed here", options=())
    edit_metadata(set_path, env_spec=json.dumps(run | {"id": "os:Evil-v0"}))
    refuse(set_path, "is not installed here", options=())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--first", "3"), "field 'first': is 3, but the set has the episodes 0..2"),
        (("--first", "1", "--episodes", "3"), "field 'episodes': is 3, but from 1 on the set has"),
        (("--window", "6"), "field 'window': is 6, but the longest episode has 5 steps"),
        (("--stride", "2"), "field 'stride': needs a window"),
        (("--window", "0"), "field 'window': is 0, expected at least 1"),
    ],
)
def test_choosing_too_much_is_refused(
    set_path: Path, refuse: Refuse, options: tuple[str, ...], words: str
) -> None:
    refuse(set_path, words, options=("--control-rate", "10", *options))


def test_a_control_rate_is_positive(set_path: Path, refuse: Refuse) -> None:
    refuse(set_path, "is 0, expected a positive number [Hz]", options=("--control-rate", "0"))


@pytest.mark.parametrize("storage", STORAGES[1:])
def test_damaged_tables_are_named(root: Path, refuse: Refuse, storage: str) -> None:
    path = write_by_library(
        root, "toy/table-v0", buffers(BOX, TORQUES), BOX, TORQUES, storage=storage
    )
    part = path / "data" / "1" / f"part-0.{storage}"
    content = part.read_bytes()
    part.write_bytes(content[: len(content) // 2])
    refuse(path, f"{part}: episode 1: damaged: ")
    part.unlink()
    refuse(path, f"holds no part-0.{storage}")
    part.write_bytes(content)
    about = path / "data" / "2" / "metadata.json"
    about.write_text("{")
    refuse(path, f"{about}: episode 2: cannot be read as JSON")
    shutil.rmtree(path / "data" / "2")
    refuse(path, "holds 2 episodes, but the metadata states 3")


def test_a_table_without_a_column_is_named(root: Path, refuse: Refuse) -> None:
    path = write_by_library(
        root, "toy/table-v0", buffers(BOX, TORQUES), BOX, TORQUES, storage="arrow"
    )
    part = path / "data" / "0" / "part-0.arrow"
    with pa.ipc.open_file(pa.BufferReader(part.read_bytes())) as opened:
        table = opened.read_all().drop_columns(["actions"])
    with pa.ipc.new_file(str(part), table.schema) as writer:
        writer.write_table(table)
    refuse(path, "field 'actions': episode 0: missing; the columns are observations, rewards")


def test_an_id_says_where_a_set_is(root: Path, tmp_path: Path, set_path: Path) -> None:
    minari.Config(control_rate=10.0).convert(set_path, tmp_path / "d", lambda *_: None)
    dataset = Dataset.open(tmp_path / "d")
    for destination, options, words in (
        (root / "toy" / "mine", {}, "the name must end in a version, e.g. mine-v0"),
        (root / "toy" / "mine-v1", {"dataset_id": "toy/other-v1"}, "the place is 'toy/mine-v1'"),
        (tmp_path / "mine", {"dataset_id": "no id"}, "is 'no id', expected"),
        (tmp_path / "mine", {"environment": "Pussher-v5"}, "Pusher-v5"),
    ):
        with pytest.raises(Exception, match=words):
            minari.Config(**options).write(dataset, destination)  # type: ignore[arg-type]
        assert not destination.exists()
    minari.Config(dataset_id="toy/mine-v3").write(dataset, tmp_path / "mine")
    metadata = json.loads((tmp_path / "mine" / "data" / "metadata.json").read_text())
    assert metadata["dataset_id"] == "toy/mine-v3"
