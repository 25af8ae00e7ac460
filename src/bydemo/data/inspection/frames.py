"""The pictures: brightness, stalled cameras, and frames that occur twice or in two splits.

One pass over each camera reads a sparse grid of every frame. Equal grids are then compared pixel
by pixel, so that what is called identical is identical; nearness is judged on small thumbnails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.data.source import Dataset

Progress = Callable[[int, int], None]

GRID = 28
"""Pixels a side of the sparse grid that stands for a frame."""
BLOCK = 64
"""[frames] read at a time."""
MOST_FRAMES = 60_000
"""Of a larger dataset every k-th frame is looked at."""
MOST_COMPARED = 4_000
"""Pairs that are compared pixel by pixel."""
ASKED, KNOWN = 500, 20_000
"""Held-out and training frames between which nearest neighbours are sought."""
MOST_LISTED = 20
JUDGED = ("test", "validation")


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraScan:
    """What one pass over F looked-at frames of a camera keeps.

    rows (F,) their steps; keys (F,) uint64 content hashes of the sparse grid; thumbnails (F, P)
    uint8; every: each `every`-th frame of the dataset was looked at.
    """

    name: str
    rows: NDArray[np.int64]
    keys: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    every: int
    mean: float
    std: float


def describe_cameras(dataset: Dataset, progress: Progress | None = None) -> list[dict[str, Any]]:
    """One entry a camera; progress(frames done, of how many) over all cameras."""
    cameras = dataset.spec.cameras
    owner = np.repeat(np.arange(len(dataset.lengths)), dataset.lengths)
    part = _split_of(dataset)
    out = []
    for number, name in enumerate(cameras):
        scan = scan_camera(dataset, name, _share_of(progress, number, len(cameras)))
        height, width, channels = dataset.spec.observation[name].shape
        out.append(
            {
                "camera": name,
                "height": height,
                "width": width,
                "channels": channels,
                "looked_at": len(scan.rows),
                "every": scan.every,
                "grey_mean": scan.mean,
                "grey_std": scan.std,
                **_identical(dataset, scan, owner, part),
                "near": _nearness(scan, owner, part),
            }
        )
    return out


def _share_of(progress: Progress | None, number: int, cameras: int) -> Progress | None:
    """The progress of one camera within that of all."""
    if progress is None:
        return None

    def overall(done: int, total: int) -> None:
        progress(number * total + done, cameras * total)

    return overall


def scan_camera(dataset: Dataset, name: str, progress: Progress | None = None) -> CameraScan:
    """Read a camera once, in blocks; memory stays at one block and the thumbnails."""
    images = dataset.observation(name)
    every = max(-(-dataset.steps // MOST_FRAMES), 1)
    rows = np.arange(0, dataset.steps, every, dtype=np.int64)
    stride = [max(side // GRID, 1) for side in images.shape[1:3]]
    keys = np.zeros(len(rows), np.uint64)
    thumbnails: list[NDArray[np.uint8]] = []
    total, squares, pixels = 0.0, 0.0, 0
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        grid = images[chosen[0] : chosen[-1] + 1 : every, :: stride[0], :: stride[1]]
        grid = np.ascontiguousarray(grid)
        flat = grid.reshape(len(grid), -1)
        for i, row in enumerate(flat):
            digest = hashlib.blake2b(row.tobytes(), digest_size=8).digest()
            keys[start + i] = int.from_bytes(digest, "little")
        thumbnails.append(_thumbnails(grid))
        grey = _luma(grid)
        total += float(grey.sum())
        squares += float((grey * grey).sum())
        pixels += grey.size
        if progress:
            progress(start + len(chosen), len(rows))
    mean = total / pixels
    return CameraScan(
        name=name,
        rows=rows,
        keys=keys,
        thumbnails=np.concatenate(thumbnails),
        every=every,
        mean=mean / 255,
        std=max(squares / pixels - mean * mean, 0.0) ** 0.5 / 255,
    )


def _luma(grid: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., C) uint8 -> (...) float64 brightness 0..255 (BT.601, unrounded)."""
    wide = grid.astype(np.float64)
    if grid.shape[-1] != 3:
        grey: NDArray[np.float64] = wide.mean(axis=-1)
        return grey
    return wide[..., 0] * 0.299 + wide[..., 1] * 0.587 + wide[..., 2] * 0.114


def _thumbnails(grid: NDArray[np.uint8], side: int = 7) -> NDArray[np.uint8]:
    """(n, h, w, C) -> (n, about side * side * C): means over equal blocks."""
    rows, columns = max(grid.shape[1] // side, 1), max(grid.shape[2] // side, 1)
    high, wide = grid.shape[1] // rows, grid.shape[2] // columns
    cut = grid[:, : high * rows, : wide * columns]
    blocks = cut.reshape(len(cut), high, rows, wide, columns, grid.shape[3])
    total = blocks.sum(axis=(2, 4), dtype=np.uint32)
    out: NDArray[np.uint8] = (total // (rows * columns)).astype(np.uint8)
    return out.reshape(len(cut), -1)


def _split_of(dataset: Dataset) -> NDArray[np.object_]:
    """(E,) the name of the split that each episode is in, or an empty string."""
    part = np.full(len(dataset.episodes), "", object)
    for name, episodes in dataset.splits.items():
        part[list(episodes)] = name
    return part


def _identical(
    dataset: Dataset, scan: CameraScan, owner: NDArray[np.int64], part: NDArray[np.object_]
) -> dict[str, Any]:
    """Stalls (a frame equal to the one before), repeats elsewhere, and held-out frames in training.

    Lossy video hides stalls: `still_share` counts pictures that, looked at coarsely, do not change.
    """
    images = dataset.observation(scan.name)
    episode = owner[scan.rows]
    same = (scan.keys[1:] == scan.keys[:-1]) & (episode[1:] == episode[:-1])
    stalls = _confirmed(images, scan.rows[:-1][same], scan.rows[1:][same])
    stalled = np.zeros(len(scan.rows), bool)
    stalled[1:][same] = stalls
    first, grouped = _groups(images, scan)
    several = _spans(first, grouped, episode)
    foreign = grouped & several & (first != np.arange(len(first))) & ~stalled
    parts = part[episode]
    trained = np.zeros(len(first), bool)
    trained[first[grouped & (parts == "train")]] = True
    leaking = grouped & trained[first] & (parts != "train") & (parts != "")
    shown = np.flatnonzero(leaking if leaking.any() else foreign)[:MOST_LISTED]
    follows = episode[1:] == episode[:-1]
    before, after = scan.thumbnails[:-1][follows], scan.thumbnails[1:][follows]
    still = (np.maximum(before, after) - np.minimum(before, after)).max(axis=1, initial=0) <= 1
    return {
        "still_share": float(still.mean()) if len(still) else 0.0,
        "stalled": int(stalled.sum()),
        "stalled_share": float(stalled.mean()),
        "stalled_episodes": _worst(episode[stalled]),
        "repeated_elsewhere": int(foreign.sum()),
        "repeated_across_splits": int(leaking.sum()),
        "examples": [
            {
                "episodes": [int(episode[i]) for i in pair],
                "steps": [int(scan.rows[i] - dataset.starts[episode[i]]) for i in pair],
                "splits": [str(parts[i]) for i in pair],
            }
            for pair in ((first[j], j) for j in shown)
        ],
    }


def _groups(images: NDArray[Any], scan: CameraScan) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each frame the first with the same content (itself, where it is new), and whether it is
    in a group of several."""
    order = np.argsort(scan.keys, kind="stable")
    new = np.r_[True, scan.keys[order][1:] != scan.keys[order][:-1]]
    first = np.empty(len(order), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    later = np.flatnonzero(first != np.arange(len(first)))
    equal = _confirmed(images, scan.rows[first[later]], scan.rows[later])
    first[later[~equal]] = later[~equal]
    return first, np.bincount(first, minlength=len(first))[first] > 1


def _spans(
    first: NDArray[np.int64], grouped: NDArray[np.bool_], episode: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(F,) True for frames whose group reaches into another episode than its first frame's."""
    wide = np.zeros(len(first), bool)
    wide[first[grouped & (episode != episode[first])]] = True
    return wide[first]


def _confirmed(
    images: NDArray[Any], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which pairs are equal in every pixel; beyond the first few thousand the grid decides."""
    equal = np.ones(len(left), bool)
    for i in range(min(len(left), MOST_COMPARED)):
        equal[i] = np.array_equal(images[left[i]], images[right[i]])
    return equal


def _worst(episodes: NDArray[np.int64]) -> list[dict[str, int]]:
    """The episodes that occur most often, with their counts."""
    numbers, counts = np.unique(episodes, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:5]
    return [{"episode": int(numbers[i]), "frames": int(counts[i])} for i in order]


def _nearness(
    scan: CameraScan, owner: NDArray[np.int64], part: NDArray[np.object_]
) -> dict[str, Any] | None:
    """How near held-out frames come to training frames, beside the change of a single step.

    A held-out frame nearer to some training frame than the median step moves the picture has, to
    a camera, practically been seen in training.
    """
    episode = owner[scan.rows]
    where = part[episode]
    judged = next((name for name in JUDGED if (where == name).any()), None)
    if judged is None or not (where == "train").any():
        return None
    thumbnails = scan.thumbnails.astype(np.float32)
    follows = np.flatnonzero(episode[1:] == episode[:-1])
    step = np.sqrt(((thumbnails[follows + 1] - thumbnails[follows]) ** 2).mean(axis=1))
    asked = _evenly(np.flatnonzero(where == judged), ASKED)
    known = thumbnails[_evenly(np.flatnonzero(where == "train"), KNOWN)]
    squares = (known**2).sum(axis=1)
    nearest = np.zeros(len(asked))
    for i, row in enumerate(asked):
        distance = squares - 2 * (known @ thumbnails[row]) + (thumbnails[row] ** 2).sum()
        nearest[i] = max(float(distance.min()), 0.0)
    nearest = np.sqrt(nearest / thumbnails.shape[1])
    usual = float(np.median(step)) if len(step) else 0.0
    return {
        "split": judged,
        "asked": len(asked),
        "known": len(known),
        "one_step": usual,
        "nearest_median": float(np.median(nearest)),
        "nearer_than_a_step": float((nearest < usual).mean()),
    }


def _evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of `rows`, evenly spaced."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
