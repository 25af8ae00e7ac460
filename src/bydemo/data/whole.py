"""New folders that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bydemo.core.errors import InputError, StorageError


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """A temporary sibling of `destination`, renamed to it at the end and removed on any failure.

    What killed processes left behind of earlier attempts is swept first.
    """
    if destination.exists():
        raise InputError("already exists; choose another path or remove it", path=destination)
    _sweep(destination)
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    made = [folder for folder in destination.parents if not folder.exists()]
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(destination)
    except OSError as error:
        raise unwritten(error.filename or destination, error) from error
    except StorageError as error:
        raise StorageError(str(error).replace(str(temporary), str(destination))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in made:
            with suppress(OSError):  # it is needed: something is in it
                folder.rmdir()


def require_space(folder: Path, size: int) -> None:
    """Raise StorageError unless `size` bytes can really be reserved in `folder`."""
    if size <= 0:
        return
    probe = folder / f".space.{os.getpid()}"
    try:
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise no_space(folder, size, error) from error
    finally:
        probe.unlink(missing_ok=True)


def unwritten(path: Path | str, error: OSError) -> StorageError:
    """The error to raise where a write failed."""
    return StorageError(f"{path}: could not be written: {error.strerror or error}")


def no_space(where: Path, size: int, error: OSError) -> StorageError:
    """The error to raise where `size` bytes could not be reserved."""
    try:
        free = f"{shutil.disk_usage(where if where.is_dir() else where.parent).free / 1e6:.1f} MB"
    except OSError:
        free = "an unknown amount"
    return StorageError(
        f"{where}: {size / 1e6:.1f} MB could not be reserved ({error.strerror}); {free} is free"
    )


def _sweep(destination: Path) -> None:
    prefix = f".{destination.name}."
    if not destination.parent.is_dir():
        return
    for left in destination.parent.glob(f"{prefix}*.part"):
        owner = left.name.removeprefix(prefix).removesuffix(".part")
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
