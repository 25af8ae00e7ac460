"""One array of a dataset while it is being written: append-only, space reserved ahead."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.data.layout import ArrayLayout
from bydemo.data.whole import no_space, unwritten

GROWTH: Final = 64 << 20
"""[bytes] reserved at a time: large enough to be rare, small enough not to fill a disk."""


class ArrayFile:
    """Rows go to the end, and count only after `commit`; `roll_back` forgets those since then."""

    def __init__(self, folder: Path, layout: ArrayLayout, rows: int = 0) -> None:
        self.layout, self.path, self.rows = layout, folder / layout.file, rows
        self.pending, self.checksum = 0, 0
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._reserved = os.fstat(self._descriptor).st_size
        if self._reserved < rows * layout.row_bytes:
            os.close(self._descriptor)
            raise InputError(
                f"holds {self._reserved} bytes, but its {rows} rows need {rows * layout.row_bytes}",
                path=self.path,
            )
        self._hash = self._hash_of_rows()
        self._committed_hash = self._hash.copy()

    def reserve(self, rows: int) -> None:
        """Make sure that `rows` rows in all fit on the disk; StorageError if not."""
        missing = rows * self.layout.row_bytes - self._reserved
        if missing <= 0:
            return
        try:
            os.posix_fallocate(self._descriptor, self._reserved, missing)
        except OSError as error:
            raise no_space(self.path, missing, error) from error
        self._reserved += missing

    def append(self, rows: NDArray[Any]) -> None:
        """Write (n, *row_shape) rows of exactly the layout's dtype after the pending ones."""
        expected = (self.layout.row_shape, np.dtype(self.layout.dtype))
        if (rows.shape[1:], rows.dtype) != expected:
            raise InputError(
                f"is {rows.shape[1:]} {rows.dtype}, expected {expected[0]} {expected[1]}",
                field=self.layout.name,
            )
        at = (self.rows + self.pending) * self.layout.row_bytes
        needed = self.rows + self.pending + len(rows)
        if needed * self.layout.row_bytes > self._reserved:
            self.reserve(max(needed, self.rows + self.pending + GROWTH // self.layout.row_bytes))
        content = np.ascontiguousarray(rows).data.cast("B")
        written = 0
        try:
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], at + written)
        except OSError as error:
            raise unwritten(self.path, error) from error
        self._hash.update(content)
        self.checksum = zlib.crc32(content, self.checksum)
        self.pending += len(rows)

    def sync(self) -> None:
        """Flush the pending rows to the disk itself."""
        os.fdatasync(self._descriptor)

    def commit(self) -> None:
        """The pending rows count from now on."""
        self.rows += self.pending
        self.pending, self.checksum = 0, 0
        self._committed_hash = self._hash.copy()

    def roll_back(self) -> None:
        """Forget the pending rows; the next ones overwrite them."""
        self.pending, self.checksum = 0, 0
        self._hash = self._committed_hash.copy()

    def described(self) -> dict[str, Any]:
        """File, dtype and shape, as the manifest states them for readers in other languages."""
        layout = self.layout
        return {
            "file": self.path.name,
            "dtype": np.dtype(layout.dtype).newbyteorder("<").str,
            "shape": [self.rows, *layout.row_shape],
        }

    def close(self, rows: int) -> dict[str, Any]:
        """Cut off what lies beyond `rows` rows; returns the file's size and SHA-256."""
        size = rows * self.layout.row_bytes
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        return {"bytes": size, "sha256": self._committed_hash.hexdigest()}

    def _hash_of_rows(self) -> Any:
        digest, left, at = hashlib.sha256(), self.rows * self.layout.row_bytes, 0
        while left:
            block = os.pread(self._descriptor, min(left, 1 << 22), at)
            if not block:
                raise InputError(f"ends at byte {at}", path=self.path)
            digest.update(block)
            left, at = left - len(block), at + len(block)
        return digest
