"""`all_play_data_diverse.h5` of Jaco Play: opened, checked, read and written in blocks of rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, StorageError
from bydemo.core.jaco_play import GRIPPER_LABELS, IMAGE_SIZE

FILE: Final = "all_play_data_diverse.h5"
BLOCK: Final = 128
"""[rows] read or written at a time: about 20 MB of each camera."""
CHUNK_CACHE: Final = 128 << 20
"""[bytes] so that a chunk that spans several blocks is unpacked once."""

CAMERAS: Final = {"front_cam": "front_cam_ob", "mount_cam": "mount_cam_ob"}
VECTORS: Final = {
    "ee_position": "ee_cartesian_pos_ob",
    "ee_velocity": "ee_cartesian_vel_ob",
    "joint_position": "joint_pos_ob",
}
ACTIONS, TERMINALS, PROMPTS, REWARD = "actions", "terminals", "prompts", "reward"
WIDTHS: Final = {
    "ee_cartesian_pos_ob": 7, "ee_cartesian_vel_ob": 6, "joint_pos_ob": 8, ACTIONS: 4,
}  # fmt: skip
IMAGE: Final = (IMAGE_SIZE, IMAGE_SIZE, 3)


class PlayFile:
    """The HDF5 opened for reading; every error names the file and the key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise InputError("no such file", path=path)
        try:
            self._file = h5py.File(path, "r", rdcc_nbytes=CHUNK_CACHE)
        except OSError as error:
            raise _opening_error(path, error) from error
        try:
            self._data = {key: self._dataset(key) for key in
                          (*CAMERAS.values(), *WIDTHS, TERMINALS, PROMPTS, REWARD)}  # fmt: skip
            self.steps = len(self._data[ACTIONS])
            for key in self._data:
                self._check(key)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PlayFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def images(self, camera: str, start: int, stop: int) -> NDArray[np.uint8]:
        """(n, 224, 224, 3) uint8 RGB: the file's channels are BGR, and are turned here alone."""
        return swap_channels(self._read(CAMERAS[camera], start, stop))

    def vector(self, key: str, start: int, stop: int) -> NDArray[np.float32]:
        """(n, width) float32 of a numeric key, finite; actions with a valid gripper label."""
        values = self._read(key, start, stop)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise InputError(f"is not finite at row {row}", path=self.path, field=key)
        if key == ACTIONS:
            self._check_labels(values[:, 3], start)
        narrow: NDArray[np.float32] = values.astype(np.float32)
        return narrow

    def flags(self, key: str, start: int, stop: int) -> NDArray[np.float32]:
        """(n,) float32 of `terminals` or `reward`."""
        values = np.asarray(self._read(key, start, stop), np.float32).reshape(-1)
        if not np.isfinite(values).all():
            row = start + int(np.argmin(np.isfinite(values)))
            raise InputError(f"is not finite at row {row}", path=self.path, field=key)
        return values

    def prompts(self, start: int, stop: int) -> list[str]:
        """The prompt of each row."""
        values = np.asarray(self._read(PROMPTS, start, stop)).reshape(-1)
        try:
            return [v.decode() if isinstance(v, bytes) else str(v) for v in values]
        except UnicodeDecodeError as error:
            raise InputError(f"rows {start}-{stop - 1}: {error}", path=self.path,
                             field=PROMPTS) from error  # fmt: skip

    def _dataset(self, key: str) -> h5py.Dataset:
        try:
            found = self._file.get(key)
        except (OSError, RuntimeError, KeyError) as error:
            raise InputError(f"cannot be read: {error}", path=self.path, field=key) from error
        if not isinstance(found, h5py.Dataset):
            listed = ", ".join(sorted(self._file)) or "nothing"
            raise InputError(f"missing; the file holds {listed}", path=self.path, field=key)
        return found

    def _check(self, key: str) -> None:
        data = self._data[key]
        row: tuple[int, ...] = ()
        if key in CAMERAS.values():
            row, kinds, expected = IMAGE, "u", "uint8"
        elif key in WIDTHS:
            row, kinds, expected = (WIDTHS[key],), "f", "floating point"
        else:
            kinds, expected = "biuf", "numbers"
        if key == PROMPTS:
            fits, expected = h5py.check_string_dtype(data.dtype) is not None, "text"
        else:
            fits = data.dtype.kind in kinds and (kinds != "u" or data.dtype == np.uint8)
        # One number a step is often kept as a column.
        shapes = [(self.steps, *row)] + ([(self.steps, 1)] if not row else [])
        if data.shape not in shapes or not fits:
            raise InputError(
                f"is {data.shape} {data.dtype}, expected {shapes[0]} {expected}",
                path=self.path, field=key,
            )  # fmt: skip

    def _read(self, key: str, start: int, stop: int) -> NDArray[Any]:
        try:
            return np.asarray(self._data[key][start:stop])
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"rows {start}-{stop - 1} cannot be read: {error}", path=self.path, field=key
            ) from error

    def _check_labels(self, labels: NDArray[Any], start: int) -> None:
        known = np.isin(labels, np.arange(len(GRIPPER_LABELS)))
        if not known.all():
            row = int(np.argmin(known))
            valid = ", ".join(f"{i} {name}" for i, name in enumerate(GRIPPER_LABELS))
            raise InputError(
                f"the gripper label is {labels[row]:g} at row {start + row}, expected {valid}",
                path=self.path, field=ACTIONS,
            )  # fmt: skip


def swap_channels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BGR to RGB and back, (..., 3) copied. Four times as fast as copying a reversed view."""
    out = image.copy()
    out[..., 0], out[..., 2] = image[..., 2], image[..., 0]
    return out


class PlayFileWriter:
    """A new HDF5 of `steps` rows, every array indexed by step, filled from the first row on."""

    def __init__(self, path: Path, steps: int) -> None:
        self._file = h5py.File(path, "w")
        self.row = 0
        for key in CAMERAS.values():
            self._file.create_dataset(key, (steps, *IMAGE), np.uint8)
        for key, width in WIDTHS.items():
            self._file.create_dataset(key, (steps, width), np.float32)
        for key in (TERMINALS, REWARD):
            self._file.create_dataset(key, (steps,), np.float32)
        self._file.create_dataset(PROMPTS, (steps,), h5py.string_dtype())

    def append(self, rows: Mapping[str, Any], prompts: list[str]) -> None:
        """Write the next rows: key -> (n, ...) as stored, images already BGR."""
        stop = self.row + len(prompts)
        for key, values in rows.items():
            self._file[key][self.row : stop] = values
        self._file[PROMPTS][self.row : stop] = prompts
        self.row = stop

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def row_bytes() -> int:
    """Bytes of one step in the HDF5, a prompt of usual length included."""
    return len(CAMERAS) * int(np.prod(IMAGE)) + 4 * (sum(WIDTHS.values()) + 2) + 96


def _opening_error(path: Path, error: OSError) -> Exception:
    text = str(error)
    if "unable to lock" in text:
        return StorageError(
            f"{path}: another program has it open and locked; close that, or set "
            "HDF5_USE_FILE_LOCKING=FALSE if it only reads"
        )
    if "truncated" in text:
        return InputError(f"is truncated: {text}", path=path)
    return InputError(f"cannot be read as HDF5: {text}", path=path)
