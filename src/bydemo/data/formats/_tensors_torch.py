"""A `.pt` file of torch read without torch: a zip of a pickle and of raw storages.

The pickle goes through an unpickler that can rebuild tensors in plain dictionaries and lists, and
refuses to import anything else: a hostile file runs no code.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from bydemo.core.errors import InputError

Array = NDArray[Any]

DTYPES: Final = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1",
    "ByteStorage": "|u1", "BoolStorage": "|b1",
}  # fmt: skip
"""Storage class of torch -> numpy dtype; bfloat16, which numpy lacks, as its bits."""
_ENDING: Final = "data.pkl"
_PICKLE_LIMIT: Final = 64 << 20
"""[bytes] of the pickle, which holds names and shapes alone."""


@dataclass(frozen=True)
class _Storage:
    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor's numbers are; strides and offset count elements of the storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch(path: Path, names: Sequence[str] | None) -> dict[str, Array]:
    """The named tensors of the dictionary in the file; None: the names of all, without numbers."""
    try:
        with zipfile.ZipFile(path) as opened:
            entry, root = _pickle_of(opened, path)
            found = _unpickled(opened.read(entry), path)
            if names is None:
                return dict.fromkeys(found, np.zeros(0))
            big = f"{root}byteorder" in opened.namelist()
            order = opened.read(f"{root}byteorder").strip() if big else b"little"
            if order != b"little":
                raise InputError("is big-endian; only little-endian files are read", path=path)
            return {n: _array(found[n], opened, root, path, n) for n in names if n in found}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"cannot be read as a .pt file of torch 1.6 or newer: {error}", path=path
        ) from error


def widened(flat: Array, bfloat16: bool) -> Array:
    """Bits of bfloat16 (uint16) as float32, exactly; anything else as it is."""
    return (flat.astype(np.uint32) << 16).view(np.float32) if bfloat16 else flat


def _pickle_of(opened: zipfile.ZipFile, path: Path) -> tuple[zipfile.ZipInfo, str]:
    """The pickle's entry, and the folder before it in all names of the file."""
    for entry in opened.infolist():
        if entry.filename.rpartition("/")[2] == _ENDING:
            if entry.file_size > _PICKLE_LIMIT:
                raise InputError(f"its {_ENDING} is larger than {_PICKLE_LIMIT} bytes", path=path)
            return entry, entry.filename.removesuffix(_ENDING)
    raise InputError(f"holds no {_ENDING}: it is no file of torch.save", path=path)


def _unpickled(content: bytes, path: Path) -> dict[str, Any]:
    try:
        found = _Unpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise InputError(f"refused: {error}", path=path) from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise InputError(f"its {_ENDING} is damaged: {error!r}", path=path) from error
    if not isinstance(found, dict):
        raise InputError(f"holds a {_kind(found)}, expected a dictionary of tensors",
                         path=path)  # fmt: skip
    return {key: value for key, value in found.items() if isinstance(key, str)}


class _Unpickler(pickle.Unpickler):
    """Knows tensors, parameters, their storages and ordered dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        """Our own stand-ins; everything else is refused."""
        if module == "torch" and name in DTYPES:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        # New functions every time: a pickle may change the attributes of what it is given.
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda *given: _rebuild(*given)
        raise pickle.UnpicklingError(
            f"it asks for '{module}.{name}'; only tensors in dictionaries and lists are read"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage, named but not read yet."""
        if isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage":
            _, kind, key, _, count = pid
            if isinstance(kind, str) and kind in DTYPES and isinstance(key, str):
                return _Storage(kind, key, int(count))
        raise pickle.UnpicklingError(f"it asks for {pid!r}, which is no storage of numbers")


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor has no storage")
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or any(type(n) is not int or n < 0 for n in numbers):
        raise pickle.UnpicklingError("a tensor's shape is malformed")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _kind(value: Any) -> str:
    return "tensor" if isinstance(value, _Tensor) else type(value).__name__


def _array(tensor: Any, opened: zipfile.ZipFile, root: str, path: Path, name: str) -> Array:
    if not isinstance(tensor, _Tensor):
        raise InputError(f"is a {_kind(tensor)}, expected a tensor", path=path,
                         field=name)  # fmt: skip
    storage = tensor.storage
    dtype = np.dtype(DTYPES[storage.kind])
    entry = _storage_entry(opened, f"{root}data/{storage.key}", path, name)
    if entry.file_size != storage.count * dtype.itemsize:
        raise InputError(f"its storage holds {entry.file_size} bytes, expected "
                         f"{storage.count * dtype.itemsize}", path=path, field=name)  # fmt: skip
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides,
                                                          strict=True))  # fmt: skip
    if math.prod(tensor.shape) == 0:
        return widened(np.zeros(tensor.shape, dtype), storage.kind == "BFloat16Storage")
    if last >= storage.count or math.prod(tensor.shape) > storage.count:
        raise InputError(f"{tensor.shape} reaches beyond its storage of {storage.count}", path=path,
                         field=name)  # fmt: skip
    flat = np.frombuffer(opened.read(entry), dtype)[tensor.offset :]
    strides = tuple(s * dtype.itemsize for s in tensor.strides)
    # The bounds were checked above: the view stays within the storage.
    rows = np.ascontiguousarray(as_strided(flat, tensor.shape, strides, writeable=False))
    return widened(rows, storage.kind == "BFloat16Storage")


def _storage_entry(opened: zipfile.ZipFile, key: str, path: Path, name: str) -> zipfile.ZipInfo:
    try:
        entry = opened.getinfo(key)
    except KeyError as error:
        raise InputError(f"its numbers ({key}) are missing", path=path, field=name) from error
    # torch compresses nothing; what is compressed could unpack to any size.
    if entry.compress_type != zipfile.ZIP_STORED:
        raise InputError("is compressed, which torch never does", path=path, field=name)
    return entry
