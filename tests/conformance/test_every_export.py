"""What every export format must keep to. Formats are found by listing their folder."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest
import torch
from tests.disk import full_disk
from tests.exports.agents import agent

from bydemo.cli import catalogue
from bydemo.core.config import from_plain, load_leaf, to_plain
from bydemo.core.errors import InputError, StorageError, UnknownNameError
from bydemo.exports import FOLDER, export, export_config, export_names, write
from bydemo.exports import __name__ as EXPORTS

every_export = pytest.mark.parametrize("name", export_names())


def test_exports_were_found() -> None:
    assert {"onnx", "state-dict"} <= set(export_names())
    assert export_names() == sorted(catalogue.exports())


def test_a_typo_is_answered() -> None:
    with pytest.raises(UnknownNameError, match=r"format named 'onxx'\. Did you mean 'onnx"):
        export_config("onxx")
    with pytest.raises(UnknownNameError, match=r"no field of onnx named 'tolerence'. Did you mean"):
        export_config("onnx", {"tolerence": 1})


@every_export
def test_the_options_are_a_frozen_documented_dataclass(name: str) -> None:
    config = export_config(name)
    assert dataclasses.is_dataclass(config)
    assert type(config).__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(option.kw_only for option in dataclasses.fields(config))
    assert from_plain(type(config), to_plain(config)) == config
    text = inspect.getdoc(type(config)) or ""
    for option in dataclasses.fields(config):
        assert f"{option.name}:" in text, f"the docstring does not explain '{option.name}'"
    assert inspect.getdoc(load_leaf(EXPORTS, "export format", name.replace("-", "_")))


@every_export
def test_a_fresh_state_policy_from_a_run_folder(name: str, tmp_path: Path) -> None:
    """To its own folder, and from memory to another one; both files are the same."""
    agent().save_pretrained(tmp_path / "run" / "model")
    file, checked = write(tmp_path / "run", export_config(name))
    assert file == tmp_path / "run" / FOLDER / export_config(name).file_name
    assert "differ from the agent's by at most" in checked
    other = export(agent(), name.replace("-", "_"), str(tmp_path / "new" / "folder" / "file"))
    assert other.read_bytes() == file.read_bytes()
    assert [p.name for p in file.parent.iterdir()] == [file.name]


@every_export
def test_a_full_disk_leaves_the_older_file_and_no_half_of_a_new_one(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("older")
    with full_disk(500), pytest.raises(StorageError, match="file: could not be written: "):
        export(agent(), name, tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "older"


@every_export
def test_a_model_that_broke_down_is_refused(name: str, tmp_path: Path) -> None:
    broken = agent()
    with torch.no_grad():
        next(broken.model.parameters())[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"actions differ from the agent's by (inf|nan)"):
        export(broken, name, tmp_path / "new" / "file")
    assert list(tmp_path.iterdir()) == []


@every_export
def test_where_it_cannot_go(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file"):
        export(agent(), name, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written: .*file is a file"):
        export(agent(), name, tmp_path / "file" / "policy")
    with pytest.raises(InputError, match="'path': missing: an agent in memory has no folder"):
        export(agent(), name)
    with pytest.raises(InputError, match="none: no such folder"):
        export(tmp_path / "none", name)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
