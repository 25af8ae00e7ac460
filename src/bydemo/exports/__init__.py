"""Exports: a trained agent as one file that other programs run, one format a file of this folder.

Found by listing the folder and imported only when asked for; files that begin with `_` are what
the formats share. A name is written with hyphens or underscores alike: `state-dict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bydemo.core.config import from_plain, load_leaf, names_in
from bydemo.core.errors import InputError, StorageError

if TYPE_CHECKING:
    from bydemo.models.agent import Agent

FOLDER = "exports"
"""Where in a run folder exports go, unless another place is named."""


class ExportConfig(Protocol):
    """The frozen `Config` dataclass that each file of this folder exposes."""

    @property
    def file_name(self) -> str:
        """What the file is called unless the user names it."""
        ...

    def write(self, agent: Agent, destination: Path) -> str:
        """Write the file, whole or not at all, and say in a sentence what was checked.

        InputError if the agent is one that the format cannot hold.
        """
        ...


def export_names() -> list[str]:
    """Every export format, with hyphens."""
    return [name.replace("_", "-") for name in names_in(__name__)]


def export_config(name: str, values: Mapping[str, Any] | None = None) -> ExportConfig:
    """The format's `Config`, its defaults overridden by plain `values`; a typo is answered with
    near names."""
    leaf = load_leaf(__name__, "export format", name.replace("-", "_"))
    config: ExportConfig = from_plain(leaf.Config, values or {}, where=name)
    return config


def export(
    agent: Agent | Path | str, name: str, path: Path | str | None = None, **options: Any
) -> Path:
    """Write `agent`, or the one in a run or model folder, in the format `name`; returns the file.

    Without `path` it goes to `exports/` of that folder. An older file there is replaced.
    """
    return write(agent, export_config(name, options), path)[0]


def write(
    agent: Agent | Path | str, config: ExportConfig, path: Path | str | None = None
) -> tuple[Path, str]:
    """As `export`, with the format's options as its `Config`; also what the format checked."""
    folder = Path(agent) if isinstance(agent, (str, Path)) else None
    if path is None and folder is None:
        raise InputError("missing: an agent in memory has no folder to go to", field="path")
    destination = Path(path) if path is not None else Path(folder or ".") / FOLDER
    if path is None:
        destination /= config.file_name
    _check(destination)
    return destination, config.write(_loaded(agent), destination)


def _check(destination: Path) -> None:
    """Refuse early what would fail after minutes of checking."""
    if destination.is_dir():
        raise InputError("is a folder; name a file", path=destination)
    for parent in destination.parents:
        if parent.exists():
            if not parent.is_dir():
                raise StorageError(f"{destination}: cannot be written: {parent} is a file")
            break


def _loaded(agent: Agent | Path | str) -> Agent:
    if not isinstance(agent, (str, Path)):
        return agent
    from bydemo.models.agent import Agent

    return Agent.from_pretrained(agent)
