from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import safetensors.torch
import torch

from bydemo.cli import main
from bydemo.core.errors import InputError
from bydemo.core.fields import check_match
from bydemo.core.gymnasium_spec import environment_spec
from bydemo.data.formats import tensors
from bydemo.data.source import Dataset

ENDINGS = (".npz", ".safetensors", ".pt")


def arrays(train: int = 25, test: int = 7, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(key=[2, 0]))
    return {
        name: rng.standard_normal((rows, columns)).astype(dtype)
        for name, rows, columns in (
            ("inputs_train", train, 23), ("outputs_train", train, 7),
            ("inputs_test", test, 23), ("outputs_test", test, 7),
        )
    }  # fmt: skip


def save(path: Path, content: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **content)  # type: ignore[arg-type]
        return path
    found = {name: torch.from_numpy(array) for name, array in content.items()}
    if path.suffix == ".pt":
        torch.save(found, path)
    else:
        safetensors.torch.save_file(found, path)
    return path


def convert(source: Path, **options: Any) -> Dataset:
    destination = source.with_name(f"dataset{len(list(source.parent.iterdir()))}")
    tensors.Config(**options).convert(source, destination, lambda *_: None)
    return Dataset.open(destination)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_row_arrives_in_order(tmp_path: Path, ending: str, dtype: Any) -> None:
    content = arrays(dtype=dtype)
    source = save(tmp_path / f"data{ending}", content)
    assert tensors.sniff(source)
    dataset = convert(source, episode_steps=10)
    assert [e.length for e in dataset.episodes] == [10, 10, 5, 7]
    assert dataset.observation("observation").dtype == dtype
    both = np.concatenate([content["inputs_train"], content["inputs_test"]])
    assert dataset.observation("observation").tobytes() == both.tobytes()
    both = np.concatenate([content["outputs_train"], content["outputs_test"]])
    assert dataset.action.tobytes() == both.tobytes()
    assert dataset.splits == {"train": (0, 1), "validation": (2,), "test": (3,)}


def test_the_last_tenth_of_the_training_episodes_validates(tmp_path: Path) -> None:
    dataset = convert(save(tmp_path / "a.npz", arrays(4000, 1000)))
    assert [len(part) for part in dataset.splits.values()] == [36, 4, 10]
    assert dataset.split("validation") == (36, 37, 38, 39)
    single = convert(save(tmp_path / "b.npz", arrays(50, 0)))
    assert single.splits == {"train": (0,)}


def test_an_environment_gives_names_units_and_rate(tmp_path: Path) -> None:
    dataset = convert(save(tmp_path / "a.pt", arrays()), environment="Pusher-v5")
    pusher = gymnasium.make("Pusher-v5")
    expected = environment_spec("Pusher-v5", pusher.observation_space, pusher.action_space, 20.0)
    check_match(dataset.spec, expected, ours_name="the file", theirs_name="the environment")
    np.testing.assert_array_equal(
        dataset.observation("observation")[:25], arrays()["inputs_train"].astype(np.float64)
    )


def test_torch_files_of_every_kind(tmp_path: Path) -> None:
    base = torch.arange(60, dtype=torch.float32).reshape(5, 12)
    content = {
        "inputs_train": base.t()[2:10:2],  # strided
        "outputs_train": base[0, :8].reshape(4, 2).to(torch.bfloat16),
        "inputs_test": torch.nn.Parameter(base[:2, :5]),  # shares a storage
        "outputs_test": torch.tensor([[1, 2], [3, 4]]),  # whole numbers
        "note": "made by hand",
    }
    torch.save(content, tmp_path / "a.pt")
    dataset = convert(tmp_path / "a.pt")
    np.testing.assert_array_equal(
        dataset.observation("observation")[:4], content["inputs_train"].numpy()
    )
    np.testing.assert_array_equal(dataset.action[:4], content["outputs_train"].float().numpy())
    np.testing.assert_array_equal(dataset.action[4:], content["outputs_test"].numpy())


def test_brain_floats_of_safetensors(tmp_path: Path) -> None:
    content = {n: torch.from_numpy(a).to(torch.bfloat16) for n, a in arrays().items()}
    safetensors.torch.save_file(content, tmp_path / "a.safetensors")
    dataset = convert(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(dataset.action[:25], content["outputs_train"].float().numpy())


def refused(source: Path, *words: str, **options: Any) -> None:
    before = sorted(source.parent.iterdir())
    with pytest.raises(InputError) as caught:
        tensors.Config(**options).convert(source, source.with_name("out"), lambda *_: None)
    for word in (source.name, *words):
        assert word in str(caught.value)
    assert sorted(source.parent.iterdir()) == before


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_array_is_named_with_what_is_there(tmp_path: Path, ending: str) -> None:
    content = arrays()
    del content["outputs_test"]
    source = save(tmp_path / f"data{ending}", content)
    refused(source, "field 'outputs_test': missing; the file holds inputs_test, inputs_train")
    assert not tensors.sniff(source)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten"])
def test_a_damaged_file_is_refused(tmp_path: Path, ending: str, damage: str) -> None:
    source = save(tmp_path / f"data{ending}", arrays())
    content = source.read_bytes()
    spoilt = {"cut": content[:-100], "emptied": b"", "overwritten": b"\x93ab\x00" * 500}
    source.write_bytes(spoilt[damage])
    refused(source)


@pytest.mark.parametrize("ending", [".npz", ".pt"])
def test_a_flipped_byte_is_caught(tmp_path: Path, ending: str) -> None:
    content = arrays()
    source = save(tmp_path / f"data{ending}", content)
    raw = bytearray(source.read_bytes())
    raw[raw.find(content["outputs_train"].tobytes()) + 5] ^= 4
    source.write_bytes(raw)
    refused(source)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outputs_train": np.zeros((24, 7))}, "'outputs_train': has 24 rows for 25 inputs"),
        ({"inputs_test": np.zeros((7, 3))}, "'inputs_test': has 3 columns, inputs_train has 23"),
        ({"inputs_train": np.full((25, 23), np.nan)}, "not finite at row 0, column 0"),
        ({"inputs_train": np.zeros((25, 23, 2))}, "(25, 23, 2), expected (rows, columns)"),
        ({"outputs_test": np.array(["a"] * 7)}, "expected numbers"),
        ({"outputs_test": np.array([{}] * 7)}, "field 'outputs_test': cannot be read"),
        ({"inputs_train": np.zeros((0, 23)), "outputs_train": np.zeros((0, 7))}, "holds no row"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_named(
    tmp_path: Path, change: dict[str, np.ndarray], words: str
) -> None:
    refused(save(tmp_path / "data.npz", arrays() | change), words)


def test_options_that_do_not_fit_are_named(tmp_path: Path) -> None:
    source = save(tmp_path / "data.npz", arrays())
    words = "field 'inputs_train': has 23 columns, but 'InvertedPendulum-v5' has 4"
    refused(source, words, environment="InvertedPendulum-v5")
    for option in ({"episode_steps": 0}, {"control_rate": 0.0}):
        with pytest.raises(InputError, match=f"field '{next(iter(option))}'"):
            tensors.Config(**option)  # type: ignore[arg-type]


def test_a_folder_must_hold_one_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "there is none")
    save(tmp_path / "folder" / "a.npz", arrays())
    assert convert(tmp_path / "folder").steps == 32
    save(tmp_path / "folder" / "b.pt", arrays())
    refused(tmp_path / "folder", "there is a.npz, b.pt")
    (tmp_path / "c.csv").write_text("1,2")
    refused(tmp_path / "c.csv", "ends in '.csv', expected one of .npz, .safetensors, .pt")


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return open, (str(self.mark), "w")


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    mark = tmp_path / "ran"
    source = tmp_path / "in" / "a.pt"
    torch.save({"inputs_train": Hostile(mark)}, source)
    refused(source, "refused: it asks for 'io.open'; only tensors")
    assert not mark.exists()


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    """The numbers behind a storage are the process's own memory."""
    source = save(tmp_path / "a.pt", arrays())
    with zipfile.ZipFile(source) as opened:
        entries = {i.filename: opened.read(i) for i in opened.infolist()}
    name = next(n for n in entries if n.endswith("data.pkl"))
    rows, wrong = b"K\x19K\x17\x86", b"K\xffK\x17\x86"  # the tuple (25, 23) becomes (255, 23)
    assert entries[name].count(rows) == 1
    entries[name] = entries[name].replace(rows, wrong)
    with zipfile.ZipFile(source, "w") as made:
        for key, content in entries.items():
            made.writestr(key, content)
    refused(source, "field 'inputs_train': (255, 23) reaches beyond its storage of 575")


def test_only_dictionaries_of_tensors_are_read(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "holds a tensor, expected a dictionary")
    torch.save({name: [1.0] for name in tensors.NAMES}, tmp_path / "b.pt")
    refused(tmp_path / "b.pt", "field 'inputs_train': is a list, expected a tensor")
    content = io.BytesIO()
    pickle.dump({}, content)
    (tmp_path / "c.pt").write_bytes(content.getvalue())
    refused(tmp_path / "c.pt", "cannot be read as a .pt file of torch 1.6 or newer")


def test_the_command_line_leaves_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.npz", arrays() | {"inputs_train": np.zeros((3, 2))})
    monkeypatch.chdir(tmp_path)
    assert main(["convert", "tensors", "a.npz", "d"]) == 2
    assert "field 'outputs_train': has 25 rows for 3 inputs" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["a.npz"]
