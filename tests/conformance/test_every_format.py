"""What every format must keep to. Formats are found by listing their folder.

Each offers `example(path)`, which writes a small well-formed recording of at least three episodes
into the new folder `path`. Without it, its tests here fail.
"""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bydemo.core.config import from_plain, load_leaf, names_in, to_plain
from bydemo.core.errors import BydemoError, InputError
from bydemo.data.formats import __name__ as FORMATS
from bydemo.data.integrity import verify
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits

NAMES = names_in(FORMATS)


def leaf_of(name: str) -> ModuleType:
    return load_leaf(FORMATS, "format", name)


def convert(name: str, source: Path, destination: Path) -> None:
    leaf_of(name).Config().convert(source, destination, lambda done, total: None)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def source(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(name) / "source"
    leaf = leaf_of(name)
    if not hasattr(leaf, "example"):
        pytest.fail(f"format '{name}' offers no example(path); see docs/adding_a_format.md")
    leaf.example(path)
    return path


@pytest.fixture(scope="module")
def dataset(name: str, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp(name) / "dataset"
    convert(name, source, path)
    return Dataset.open(path)


def test_formats_were_found() -> None:
    assert "jaco_play" in NAMES


def test_the_options_are_a_frozen_documented_dataclass(name: str) -> None:
    config = leaf_of(name).Config()
    assert dataclasses.is_dataclass(config)
    assert type(config).__dataclass_params__.frozen
    assert all(option.kw_only for option in dataclasses.fields(config))
    assert from_plain(type(config), to_plain(config)) == config
    text = inspect.getdoc(type(config)) or ""
    for option in dataclasses.fields(config):
        assert f"{option.name}:" in text, f"the docstring does not explain '{option.name}'"
    assert inspect.getdoc(leaf_of(name)), "the module has no docstring"


def test_torch_is_not_needed(name: str) -> None:
    code = f"import sys, {FORMATS}.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_knows_its_own(name: str, source: Path, tmp_path: Path) -> None:
    assert leaf_of(name).sniff(source)
    assert not leaf_of(name).sniff(tmp_path)
    assert not leaf_of(name).sniff(tmp_path / "nowhere")


def test_no_other_format_claims_it(name: str, source: Path) -> None:
    assert [other for other in NAMES if leaf_of(other).sniff(source)] == [name]


def test_every_episode_fits_the_spec_and_is_read_only(dataset: Dataset) -> None:
    assert len(dataset.episodes) >= 3
    for record in dataset.episodes:
        episode = dataset.episode(record.index)
        episode.check(dataset.spec)
        assert len(episode) == record.length
        arrays = [*episode.observation.values(), *episode.annotation.values(), episode.action]
        assert not any(a.flags.writeable for a in arrays)
    assert dataset.steps == sum(e.length for e in dataset.episodes)
    assert dataset.manifest["source"]["format"]


def test_the_dataset_is_whole(dataset: Dataset) -> None:
    assert dataset.manifest["complete"] is True
    assert verify(dataset) == ()


def test_converting_again_gives_the_same(name, source, dataset, tmp_path) -> None:
    convert(name, source, tmp_path / "again")
    again = Dataset.open(tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()
    assert again.splits == dataset.splits
    assert [e.info for e in again.episodes] == [e.info for e in dataset.episodes]


def test_progress_counts_up_to_the_total(name, source, tmp_path) -> None:
    seen: list[tuple[int, int]] = []
    leaf_of(name).Config().convert(source, tmp_path / "d", lambda *now: seen.append(now))
    done, total = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(total) == {done[-1]}


def test_it_splits_by_episode(dataset: Dataset, name, source, tmp_path) -> None:
    convert(name, source, tmp_path / "d")
    again = Dataset.open(tmp_path / "d")
    split = write_splits(again, make_split(again, "random")).splits
    parts = [set(indices) for indices in split.values()]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(again.episodes)


def test_what_it_writes_reads_back_the_same(name, dataset: Dataset, tmp_path) -> None:
    config = leaf_of(name).Config()
    if not hasattr(config, "write"):
        pytest.skip(f"{name} only reads")
    config.write(dataset, tmp_path / "written")
    assert leaf_of(name).sniff(tmp_path / "written")
    convert(name, tmp_path / "written", tmp_path / "again")
    again = Dataset.open(tmp_path / "again")
    assert again.fingerprint() == dataset.fingerprint()
    for array in dataset.arrays:
        np.testing.assert_array_equal(again.array(array), dataset.array(array), err_msg=array)
    assert [(e.instruction, e.success) for e in again.episodes] == [
        (e.instruction, e.success) for e in dataset.episodes
    ]


def test_a_wrong_path_is_a_clear_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        convert(name, tmp_path / "nowhere", tmp_path / "d")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        convert(name, tmp_path / "empty", tmp_path / "d")
    assert [f.name for f in tmp_path.iterdir()] == ["empty"]


def test_an_existing_destination_is_never_touched(name, source, tmp_path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="already exists"):
        convert(name, source, tmp_path / "d")
    assert list((tmp_path / "d").iterdir()) == []


@pytest.mark.parametrize("damage", ["cut in half", "emptied", "overwritten", "removed"])
def test_a_damaged_file_is_named_and_nothing_is_half_written(
    name: str, source: Path, tmp_path: Path, damage: str
) -> None:
    """Each file in turn. A file that does not matter may be damaged; the largest one matters."""
    files = [f.relative_to(source) for f in sorted(source.rglob("*")) if f.is_file()]
    largest = max(files, key=lambda f: (source / f).stat().st_size)
    for number, file in enumerate(files):
        copy = tmp_path / f"source{number}"
        _copy_damaged(source, copy, file, damage)
        destination = tmp_path / f"out{number}"
        error = _conversion_error(name, copy, destination)
        if error is None:
            assert file != largest, f"{file} was {damage}, and nobody noticed"
            assert verify(Dataset.open(destination)) == ()
        else:
            assert file.name in error or file.parent.name in error, error
            assert not destination.exists()
    left = {f.name for f in tmp_path.iterdir()}
    assert all(n.startswith(("source", "out")) for n in left), left


def _conversion_error(name: str, source: Path, destination: Path) -> str | None:
    try:
        convert(name, source, destination)
    except BydemoError as error:
        return str(error)
    return None


def _copy_damaged(source: Path, copy: Path, file: Path, damage: str) -> None:
    for original in source.rglob("*"):
        target = copy / original.relative_to(source)
        if original.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(original.read_bytes())
    content = (source / file).read_bytes()
    if damage == "removed":
        (copy / file).unlink()
    else:
        spoilt = {"cut in half": content[: len(content) // 2], "emptied": b"",
                  "overwritten": b"\x93damage\x00" * (len(content) // 8 + 1)}  # fmt: skip
        (copy / file).write_bytes(spoilt[damage])
