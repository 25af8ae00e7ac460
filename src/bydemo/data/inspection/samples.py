"""A few episodes to look at: strips of pictures, and how actions and state run over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bydemo.core.fields import Field
from bydemo.data.inspection.values import component_names
from bydemo.data.source import Dataset

STRIPS = 5
PICTURES = 8
SIDE = 144
"""[pixels] the longer side of a picture in a strip."""
POINTS = 240
"""Steps that a trajectory is drawn with at most."""
PATHS = 25
"""Episodes whose way through space is drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """Pictures of one episode and camera, (h, w, 3) uint8 each, with the steps they are from."""

    episode: int
    camera: str
    steps: tuple[int, ...]
    pictures: tuple[NDArray[np.uint8], ...]
    instruction: str = ""


def chosen_episodes(dataset: Dataset, count: int = STRIPS) -> list[int]:
    """The shortest, the longest, and others evenly over the recording; in order."""
    lengths = dataset.lengths
    wanted = [int(np.argmin(lengths)), int(np.argmax(lengths))]
    spread = np.linspace(0, len(lengths) - 1, max(count, 1)).round().astype(int).tolist()
    unique = list(dict.fromkeys([*wanted, *spread]))[: max(count, 1)]
    return sorted(unique)


def camera_strips(dataset: Dataset, episodes: list[int]) -> list[Strip]:
    """Each camera's strip of each of `episodes`, the first and the last step included."""
    out = []
    for index in episodes:
        record = dataset.episodes[index]
        count = min(PICTURES, record.length)
        steps = np.linspace(0, record.length - 1, count).round().astype(int)
        for camera in dataset.spec.cameras:
            images = dataset.observation(camera)
            pictures = tuple(_small(images[record.start + s]) for s in steps)
            out.append(
                Strip(
                    episode=index,
                    camera=camera,
                    steps=tuple(int(s) for s in steps),
                    pictures=pictures,
                    instruction=record.instruction,
                )
            )
    return out


def trajectories(dataset: Dataset, episodes: list[int]) -> list[dict[str, Any]]:
    """Per episode: seconds, and name -> values over time for each vector's used parts."""
    out = []
    for index in episodes:
        record = dataset.episodes[index]
        every = max(-(-record.length // POINTS), 1)
        rows = slice(record.start, record.stop, every)
        seconds = np.arange(0, record.length, every) / dataset.spec.control_rate
        parts = []
        for name, field in _shown_fields(dataset).items():
            parts += _part_lines(dataset, name, field, dataset.array(name)[rows])
        out.append({"episode": index, "seconds": seconds.tolist(), "parts": parts})
    return out


def paths(dataset: Dataset) -> list[dict[str, Any]]:
    """Ways through space of up to 25 episodes, for every observed part of 3 metres: x, y, z."""
    spread = np.linspace(0, len(dataset.episodes) - 1, PATHS).round().astype(int)
    out = []
    for name in dataset.spec.vectors:
        field = dataset.spec.observation[name]
        for part in field.parts:
            if part.size != 3 or part.unit != "m" or not part.used:
                continue
            start = field.slices()[part.name].start
            lines = []
            for index in dict.fromkeys(spread.tolist()):
                record = dataset.episodes[index]
                every = max(-(-record.length // 80), 1)
                rows = dataset.observation(name)[record.start : record.stop : every]
                line = rows[:, start : start + 3].astype(np.float64).round(4)
                lines.append({"episode": index, "xyz": line.T.tolist()})
            out.append({"field": name, "part": part.name, "lines": lines})
    return out


def _shown_fields(dataset: Dataset) -> dict[str, Field]:
    spec = dataset.spec
    return {"action": spec.action} | {f"observation.{n}": spec.observation[n] for n in spec.vectors}


def _part_lines(
    dataset: Dataset, name: str, field: Field, values: NDArray[Any]
) -> list[dict[str, Any]]:
    names = component_names(dataset, name, field)
    out = []
    for part in field.parts:
        if not part.used:
            continue
        where = field.slices()[part.name]
        lines = {
            names[c]: [round(float(v), 5) for v in values[:, c]]
            for c in range(where.start, where.stop)
        }
        out.append(
            {
                "array": name,
                "part": part.name,
                "unit": part.unit,
                "classes": list(part.classes),
                "lines": lines,
            }
        )
    return out


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with its longer side at most SIDE pixels, averaged over areas; always RGB."""
    colour = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]
    height, width = colour.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(colour)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = Image.fromarray(np.ascontiguousarray(colour)).resize(size, Image.Resampling.BOX)
    return np.asarray(small)
