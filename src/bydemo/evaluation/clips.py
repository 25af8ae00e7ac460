"""Short videos of episodes: all cameras side by side over a line that says what happened.

A task without cameras is filmed by what it draws of itself, if it can draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, StorageError
from bydemo.core.fields import Spec
from bydemo.sim.task import Task

LEAST_HEIGHT = 112
"""[pixels] smaller pictures are enlarged by a whole factor."""
MOST_PICTURES = 200
"""Of an episode without cameras: of a longer one only every so many steps are drawn."""
GREATEST_HEIGHT = 300
"""[pixels] what a task draws of itself is averaged down by a whole factor to at most this."""
_STRIP = 22
"""[pixels] height of the caption."""
_HOLD = 1.0
"""[s] the last picture stays."""
_GREEN, _RED = (22, 101, 52), (153, 27, 27)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reel:
    """What a task drew of itself: pictures (F, H, W, 3) uint8 of every `every`-th step and of the
    end. Without any, `problem` says why."""

    pictures: NDArray[np.uint8]
    every: int = 1
    problem: str = ""


class Shooting:
    """Makes a reel while an episode goes on; a task that cannot draw spoils the reel alone."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._every = max(1, -(-task.max_steps // MOST_PICTURES))
        self._pictures: list[NDArray[np.uint8]] = []
        self._problem = ""

    def shoot(self, step: int) -> None:
        """Draw the task as it stands before `step`, if that is one of those to show."""
        if step % self._every == 0:
            self._draw()

    def reel(self) -> Reel:
        """All pictures, with one of the present as the last."""
        self._draw()
        shown = [] if self._problem else self._pictures
        pictures = np.stack(shown) if shown else np.zeros((0, 0, 0, 3), np.uint8)
        return Reel(pictures=pictures, every=self._every, problem=self._problem)

    def _draw(self) -> None:
        if self._problem:
            return
        try:
            drawn: Any = self._task.render()
            picture = np.asarray(drawn)
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
                raise InputError("it draws no RGB picture", field="render")
            self._pictures.append(_at_most(picture, GREATEST_HEIGHT))
        except NotImplementedError:
            self._problem = "the task cannot draw itself"
        except Exception as error:  # e.g. no GL here: the episode is worth no less for that
            self._problem = str(error) or type(error).__name__


def write_clip(
    path: Path, episode: Episode, spec: Spec, caption: str, *, success: bool | None
) -> Path:
    """Write what the cameras saw as an H.264 mp4 that browsers play; whole or not at all."""
    if not spec.cameras:
        raise InputError("the task has no camera to show", field="clips")
    return _write(path, frames(episode, spec, caption, success), spec.control_rate)


def write_reel(
    path: Path, reel: Reel, control_rate: float, caption: str, *, success: bool | None
) -> Path:
    """Write what a task drew of itself as such an mp4, at the speed at which it happened."""
    rate = control_rate / reel.every
    return _write(path, _captioned(_even(reel.pictures), rate, caption, success), rate)


def _write(path: Path, shown: Iterable[NDArray[np.uint8]], pictures_a_second: float) -> Path:
    """yuv420p, with the index at the front; whole or not at all."""
    import av  # opens shared libraries: only where a video is written

    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as file:
            stream: Any = None
            for number, frame in enumerate(shown):
                if stream is None:
                    rate = Fraction(pictures_a_second).limit_denominator(1000)
                    stream = file.add_stream("libx264", rate=rate, options={"crf": "24"})
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.codec_context.thread_count = 1
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts = number
                file.mux(stream.encode(picture))
            file.mux(stream.encode(None))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path}: the clip could not be written: {error}") from error
    return path


def frames(
    episode: Episode, spec: Spec, caption: str, success: bool | None
) -> Iterator[NDArray[np.uint8]]:
    """(H, W, 3) RGB pictures of even size, one a step, the last one held for a second."""
    pictures = [_side_by_side(spec, episode.observation, t) for t in range(len(episode))]
    if episode.final_observation is not None:
        final = {n: a[None] for n, a in episode.final_observation.items()}
        pictures.append(_side_by_side(spec, final, 0))
    return _captioned(pictures, spec.control_rate, caption, success)


def _captioned(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], pictures_a_second: float,
    caption: str, success: bool | None,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    strip = caption_strip(caption, pictures[0].shape[1], success)
    for number, picture in enumerate(pictures):
        frame = np.concatenate([picture, strip])
        again = round(_HOLD * pictures_a_second) if number == len(pictures) - 1 else 1
        for _ in range(max(again, 1)):
            yield frame


def _at_most(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Averaged over squares of a whole number of pixels until it is no higher than `height`."""
    side = -(-picture.shape[0] // height)
    if side == 1:
        return picture.copy()  # a renderer may draw into the same memory again
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    cut = picture[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    small: NDArray[np.uint8] = np.rint(cut.mean(axis=(1, 3))).astype(np.uint8)
    return small


def _even(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the last row or column where their number is odd: yuv420p halves both."""
    _, rows, columns, _ = pictures.shape
    return pictures[:, : rows - rows % 2, : columns - columns % 2]


def caption_strip(text: str, width: int, success: bool | None) -> NDArray[np.uint8]:
    """(22, width, 3) white text on green for success, red for failure, grey for neither."""
    ground = (63, 63, 70) if success is None else _GREEN if success else _RED
    image = Image.new("RGB", (width, _STRIP), ground)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    while len(text) > 4 and draw.textlength(text, font=font) > width - 8:
        text = text[:-4].rstrip() + "..."
    draw.text((5, 3), text, fill=(255, 255, 255), font=font)
    return np.asarray(image)


def _side_by_side(spec: Spec, observation: Any, step: int) -> NDArray[np.uint8]:
    shown = []
    tallest = max(spec.observation[name].shape[0] for name in spec.cameras)
    target = tallest * max(1, -(-LEAST_HEIGHT // tallest))
    target += target % 2
    for name in spec.cameras:
        picture = np.asarray(observation[name][step])
        if picture.shape[2] == 1:
            picture = np.repeat(picture, 3, axis=2)
        factor = target // picture.shape[0]
        picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
        rest = target - picture.shape[0]
        shown.append(np.pad(picture, ((0, rest), (0, picture.shape[1] % 2), (0, 0))))
    return np.concatenate(shown, axis=1)
