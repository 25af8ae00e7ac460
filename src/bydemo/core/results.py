"""Plain files that outlive the program: JSON written whole or not at all, and JSON lines."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from bydemo.core.errors import InputError, StorageError

SCHEMA = "bydemo.results/1"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write atomically: a reader sees the old file or the new one, never half of one."""
    text = json.dumps(_plain(data), indent=1, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, flush it to disk, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(f"{path}: could not be written: {error.strerror}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing or damaged file is an InputError that names it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"cannot be read as JSON: {error}", path=path) from error
    if not isinstance(data, dict):
        raise InputError(f"holds a {type(data).__name__}, expected an object", path=path)
    return data


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Append one row to a JSON-lines file, in place of a last line that a kill cut short.

    StorageError, and the file is as before, if it cannot be written whole.
    """
    line = (json.dumps(_plain(row), allow_nan=False) + "\n").encode()
    try:
        with path.open("a+b", buffering=0) as file:
            end = _end_of_whole_lines(file)
            file.truncate(end)
            if file.write(line) != len(line):
                file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise StorageError(f"{path}: could not be written: {error.strerror}") from error


def _end_of_whole_lines(file: BinaryIO) -> int:
    """Where the last line break is, looking back from the end."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 4096)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSON-lines file; a last line that a kill cut short is left out."""
    if not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error}", path=path) from error
    for number, line in enumerate(lines):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number != len(lines) - 1:
                raise InputError(f"line {number + 1} is not JSON", path=path) from error
            return
        if not isinstance(row, dict):
            raise InputError(f"line {number + 1} is no JSON object", path=path)
        yield row


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions that a result depends on; a package that is not installed is left out."""
    found = {"python": platform.python_version(), "platform": sys.platform}
    for name in ("bydemo", "numpy", "torch", "mujoco", "dm_control", "gymnasium"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _plain(value: Any) -> Any:
    """JSON has no NaN: an undefined figure is written as null, never as a made-up number."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
