"""Short videos of episodes: all cameras side by side over a line that says what happened."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, StorageError
from bydemo.core.fields import Spec

LEAST_HEIGHT = 112
"""[pixels] smaller pictures are enlarged by a whole factor."""
_STRIP = 22
"""[pixels] height of the caption."""
_HOLD = 1.0
"""[s] the last picture stays."""
_GREEN, _RED = (22, 101, 52), (153, 27, 27)


def write_clip(
    path: Path, episode: Episode, spec: Spec, caption: str, *, success: bool | None
) -> Path:
    """Write an H.264 mp4 that browsers play: yuv420p, index at the front; whole or not at all."""
    import av  # opens shared libraries: only where a video is written

    if not spec.cameras:
        raise InputError("the task has no camera to show", field="clips")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as file:
            stream: Any = None
            for number, frame in enumerate(frames(episode, spec, caption, success)):
                if stream is None:
                    rate = Fraction(spec.control_rate).limit_denominator(1000)
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
    strip = caption_strip(caption, pictures[0].shape[1], success)
    for number, picture in enumerate(pictures):
        frame = np.concatenate([picture, strip])
        again = round(_HOLD * spec.control_rate) if number == len(pictures) - 1 else 1
        for _ in range(max(again, 1)):
            yield frame


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
