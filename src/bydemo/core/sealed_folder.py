"""A sealed folder: a few files and a manifest of their SHA-256, written whole or not at all.

Checkpoints and saved models are sealed folders. A reader sees the old folder or the new one, never
half of one; a flipped or missing byte is found before anything is used.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from bydemo.core.errors import CheckpointError, InputError, StorageError
from bydemo.core.results import read_json, sha256, write_json

MANIFEST = "manifest.json"
SCHEMA = "bydemo.sealed/1"

Writer = Callable[[Path], None]
"""Writes one file at the path given."""


def write_folder(path: Path, writers: Mapping[str, Writer]) -> None:
    """Write every file beside `path`, seal them, and rename the whole into place.

    A folder that is already there is replaced; it stays untouched if anything goes wrong, a full
    disk for instance (StorageError).
    """
    part, aside = _part(path), _aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, write in writers.items():
            write(part / name)
            _flush(part / name)
        hashes = {name: sha256(part / name) for name in writers}
        write_json(part / MANIFEST, {"schema": SCHEMA, "sha256": hashes})
        mode = (part / MANIFEST).stat().st_mode
        for name in writers:  # some writers make files that only their owner can read
            (part / name).chmod(mode)
        _flush(part)
        if path.exists():
            path.rename(aside)
        part.rename(path)
        _flush(path.parent)
    except OSError as error:
        _undo(path)
        raise StorageError(f"{path}: could not be written: {error.strerror or error}") from error
    except StorageError as error:
        _undo(path)
        raise StorageError(str(error).replace(str(part), str(path))) from error
    except BaseException:
        _undo(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def verify_folder(path: Path) -> None:
    """Compare every file with the manifest; CheckpointError names the first that differs."""
    try:
        hashes = read_json(path / MANIFEST)["sha256"]
        names = {str(name): str(digest) for name, digest in hashes.items()}
    except InputError as error:
        raise CheckpointError(str(error)) from error
    except (KeyError, AttributeError) as error:
        raise CheckpointError(f"{path / MANIFEST}, field 'sha256': missing or malformed") from error
    for name, expected in names.items():
        file = path / name
        if Path(name).name != name:
            raise CheckpointError(f"{path / MANIFEST}: '{name}' is no plain file name")
        if not file.is_file():
            raise CheckpointError(f"{file}: missing, though the manifest lists it")
        if sha256(file) != expected:
            raise CheckpointError(f"{file}: damaged, its SHA-256 is not the manifest's")


def sweep(parent: Path) -> None:
    """Clear what a kill left in `parent`: half-written folders go, one moved aside comes back."""
    for aside in parent.glob(".*.aside"):
        original = parent / aside.name.removeprefix(".").removesuffix(".aside")
        if original.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(original)
    for part in parent.glob(".*.part"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.aside")


def _undo(path: Path) -> None:
    """After a failure: the old folder back in its place, the half-written one gone."""
    if _aside(path).exists() and not path.exists():
        _aside(path).rename(path)
    shutil.rmtree(_part(path), ignore_errors=True)


def _flush(path: Path) -> None:
    """Make a file or a folder's entries survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
