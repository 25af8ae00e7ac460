"""Named arrays out of a file, by its ending: .npz, .safetensors or .pt; none needs torch."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.data.formats._tensors_torch import DTYPES as TORCH_DTYPES
from bydemo.data.formats._tensors_torch import read_torch, widened

Array = NDArray[Any]

ENDINGS: Final = (".npz", ".safetensors", ".pt", ".pth")
_HEADER_LIMIT: Final = 100_000_000
"""[bytes] of a safetensors header; the format's own limit."""
_SAFETENSORS: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": TORCH_DTYPES["BFloat16Storage"],
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def names_of(path: Path) -> set[str]:
    """What the file holds, without reading the numbers."""
    _require_ending(path)
    if path.suffix == ".npz":
        try:
            with zipfile.ZipFile(path) as opened:
                return {n.removesuffix(".npy") for n in opened.namelist()}
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"cannot be read: {error}", path=path) from error
    if path.suffix == ".safetensors":
        return set(_safetensors_header(path)[0])
    return set(read_torch(path, None))


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The named arrays; InputError names the file, and the array that is missing or damaged."""
    _require_ending(path)
    read = {".npz": _read_npz, ".safetensors": _read_safetensors,
            ".pt": read_torch,
            ".pth": read_torch}  # fmt: skip
    found = read[path.suffix](path, names)
    for name in names:
        if name not in found:
            listed = ", ".join(sorted(names_of(path))) or "nothing"
            raise InputError(f"missing; the file holds {listed}", path=path, field=name)
    return found


def _require_ending(path: Path) -> None:
    if path.suffix not in ENDINGS:
        raise InputError(f"ends in '{path.suffix}', expected one of {', '.join(ENDINGS)}",
                         path=path)  # fmt: skip


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as opened:
            out = {}
            for name in names:
                if name in opened.files:
                    out[name] = np.asarray(_entry(opened, name, path))
            return out
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"cannot be read as .npz: {error}", path=path) from error


def _entry(opened: Any, name: str, path: Path) -> Any:
    try:
        return opened[name]
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot be read: {error}", path=path, field=name) from error


def _safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """Entries by name, and where the numbers begin."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_HEADER_LIMIT, path.stat().st_size - 8):
                raise InputError("is no safetensors file, or it was cut short", path=path)
            header = json.loads(file.read(length))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"its header cannot be read: {error}", path=path) from error
    if not isinstance(header, dict) or not all(isinstance(e, dict) for e in header.values()):
        raise InputError("its header is malformed", path=path)
    header.pop("__metadata__", None)
    return header, 8 + length


def _read_safetensors(path: Path, names: Sequence[str]) -> dict[str, Array]:
    header, start = _safetensors_header(path)
    size = path.stat().st_size - start
    out = {}
    for name in names:
        if name not in header:
            continue
        entry = header[name]
        kind = _SAFETENSORS.get(str(entry.get("dtype")))
        if kind is None:
            raise InputError(f"is {entry.get('dtype')}, expected one of "
                             f"{', '.join(_SAFETENSORS)}", path=path, field=name)  # fmt: skip
        shape, span = _whole_numbers(entry.get("shape")), _whole_numbers(entry.get("data_offsets"))
        if shape is None or span is None or len(span) != 2:
            raise InputError("its entry in the header is malformed", path=path, field=name)
        needed = math.prod(shape) * np.dtype(kind).itemsize
        if span[1] - span[0] != needed or span[1] > size:
            raise InputError(
                f"{shape} needs {needed} bytes; the file holds {max(size - span[0], 0)} from "
                f"there on and states {span[1] - span[0]}: it was cut short or changed",
                path=path, field=name,
            )  # fmt: skip
        flat = np.fromfile(path, kind, math.prod(shape), offset=start + span[0])
        out[name] = widened(flat, str(entry["dtype"]) == "BF16").reshape(shape)
    return out


def _whole_numbers(value: Any) -> list[int] | None:
    if isinstance(value, list) and all(type(n) is int and n >= 0 for n in value):
        return value
    return None
