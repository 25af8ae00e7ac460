"""Camera pictures of a LeRobot recording: decoded from video or from the table, fitted, matched."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bydemo.core.errors import InputError
from bydemo.data.formats._lerobot_layout import VideoSpan

Fit = Literal["crop", "stretch"]
Frame = NDArray[np.uint8]

MATCH_LIMIT = 0.5
"""[s] how far a row's time may lie from its frame's when they can only be matched by time. It is
wide on purpose: real clocks wander by frames, and only a missing stretch of video is an error."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How a picture is brought to the stored size: averaged over areas to `size` x `size` pixels.

    `crop` cuts the middle square out first and keeps proportions; `stretch` keeps everything.
    `size` None keeps the recorded picture as it is.
    """

    size: int | None = None
    fit: Fit = "crop"

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Stored (height, width) of a recorded picture."""
        return (height, width) if self.size is None else (self.size, self.size)

    def apply(self, frame: Frame) -> Frame:
        """(H, W, 3) uint8 -> the stored picture, never enlarged."""
        height, width = frame.shape[:2]
        if self.size is None or (height, width) == (self.size, self.size):
            return frame
        if self.size > min(height, width):
            raise InputError(f"{self.size} is larger than the recorded {height}x{width}",
                             field="size")  # fmt: skip
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side) if self.fit == "crop" else (0, 0, width, height)
        small = Image.fromarray(frame).resize((self.size, self.size), Image.Resampling.BOX, box)
        return np.asarray(small)


class VideoReader:
    """One video file, decoded forwards once; spans asked for in order cost no seek."""

    def __init__(self, path: Path, camera: str, fitting: Fitting) -> None:
        self.path, self.camera, self.fitting = path, camera, fitting
        if not path.is_file():
            raise InputError("missing", path=path, field=camera)
        self._open()

    def _open(self) -> None:
        try:
            self._container = av.open(str(self.path))
            if not self._container.streams.video:
                raise InputError("holds no video", path=self.path, field=self.camera)
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"is not a readable video: {error}", path=self.path,
                             field=self.camera) from error  # fmt: skip
        self.declared = int(self._stream.frames)
        self.codec = str(self._stream.codec_context.codec.canonical_name)
        self.height, self.width = self._stream.height, self._stream.width
        self._decoded = 0
        self._reached = -np.inf
        self._ahead: tuple[float, Frame] | None = None
        self._frames = self._decode()

    def span(
        self, span: VideoSpan, episode: int, period: float
    ) -> tuple[NDArray[Any], list[Frame]]:
        """The frames of `span`: seconds since its start (F,) float64, and F fitted pictures.

        A frame belongs to the span that its time, rounded to the frame `period` [s], falls into.
        """
        start = span.start - period / 2
        stop = np.inf if span.stop is None else span.stop - period / 2
        if self._reached >= start + period:
            self._container.close()
            self._open()
        times: list[float] = []
        frames: list[Frame] = []
        while (item := self._next(episode, len(frames))) is not None:
            if item[0] >= stop:
                self._ahead = item
                break
            if item[0] >= start:
                times.append(item[0] - span.start)
                frames.append(item[1])
        return np.asarray(times, np.float64), frames

    def _next(self, episode: int, frame: int) -> tuple[float, Frame] | None:
        if self._ahead is not None:
            item, self._ahead = self._ahead, None
            return item
        try:
            found = next(self._frames, None)
        except (av.FFmpegError, EOFError, _CorruptFrameError) as error:
            raise InputError(f"episode {episode}: frame {frame} cannot be decoded: {error}",
                             path=self.path, field=self.camera) from error  # fmt: skip
        if found is None and self._decoded < self.declared:
            raise InputError(f"episode {episode}: the video is cut short at frame {frame}; "
                             f"{self.declared} frames are declared, {self._decoded} can be decoded",
                             path=self.path, field=self.camera)  # fmt: skip
        return found

    def _decode(self) -> Iterator[tuple[float, Frame]]:
        base = float(self._stream.time_base or 0)
        for frame in self._container.decode(self._stream):
            if frame.is_corrupt or frame.pts is None:
                raise _CorruptFrameError("the decoder calls it corrupt")
            self._decoded += 1
            self._reached = frame.pts * base
            yield self._reached, self.fitting.apply(frame.to_ndarray(format="rgb24"))

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


class _CorruptFrameError(Exception):
    """The decoder returned a picture but says that it is not what was encoded."""


def match_frames(
    times: NDArray[Any], rows: NDArray[Any], *, path: Path, camera: str, episode: int
) -> NDArray[np.int64]:
    """For each row the index of its frame: by number when the counts agree, otherwise by time.

    times (F,) [s] of the frames, rows (T,) [s] of the rows, both from the episode's beginning.
    Recorders write frames at an even rate whatever the clock said, so equal counts are the
    stronger evidence, however uneven the rows' times are.
    """
    if len(times) == len(rows):
        return np.arange(len(rows), dtype=np.int64)
    if len(times) == 0:
        raise InputError(f"episode {episode}: no frame for {len(rows)} rows", path=path,
                         field=camera)  # fmt: skip
    right = np.clip(np.searchsorted(times, rows), 1, max(len(times) - 1, 1))
    right = np.minimum(right, len(times) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(rows - times[left] <= times[right] - rows, left, right)
    gap = np.abs(times[nearest] - rows)
    worst = int(np.argmax(gap))
    if gap[worst] > MATCH_LIMIT:
        raise InputError(
            f"episode {episode}: {len(times)} frames for {len(rows)} rows, and row {worst} at "
            f"{rows[worst]:.2f} s is {gap[worst]:.2f} s away from the nearest frame",
            path=path,
            field=camera,
        )
    return nearest.astype(np.int64)


def check_pixels(
    found: tuple[int, int], stated: tuple[int, int], *, path: Path, camera: str
) -> None:
    """Refuse pictures of another (height, width) than `meta/info.json` states."""
    if found != stated:
        raise InputError(f"pictures are {found[0]}x{found[1]}, meta/info.json says "
                         f"{stated[0]}x{stated[1]}", path=path, field=camera)  # fmt: skip


def table_frames(
    cells: Sequence[Any],
    fitting: Fitting,
    *,
    stated: tuple[int, int],
    root: Path,
    path: Path,
    camera: str,
    episode: int,
) -> list[Frame]:
    """Pictures stored in the table as {"bytes": ..., "path": ...}: PNG or JPEG."""
    frames = []
    for number, cell in enumerate(cells):
        where = f"episode {episode}: frame {number}"
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not content and isinstance(cell, dict) and cell.get("path"):
            file = (root / str(cell["path"])).resolve()
            if not file.is_relative_to(root.resolve()) or not file.is_file():
                raise InputError(f"{where} points to {cell['path']!r}, which is not a file of the "
                                 "recording", path=path, field=camera)  # fmt: skip
            content = file.read_bytes()
        if not isinstance(content, bytes):
            raise InputError(f"{where} holds no picture", path=path, field=camera)
        try:
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
                frame = np.asarray(image.convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{where} cannot be decoded: {error}", path=path,
                             field=camera) from error  # fmt: skip
        check_pixels(frame.shape[:2], stated, path=path, camera=camera)
        frames.append(fitting.apply(frame))
    return frames
