"""Pictures of what a latent keeps: reconstructions, ways between two steps, and single units.

Each sheet is one PNG: rows of small pictures with clear gaps, the same on light and dark pages.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bydemo.core.images import View
from bydemo.core.results import write_bytes

TILE = 88
"""[pixels] the side of a picture on a sheet."""
GAP = 3
COLUMNS = 9
UNITS = 6
WAYS = 3
REACH = 2.5
"""Standard deviations of a unit over the data to either side that it is moved."""

Pictures = NDArray[np.uint8]
Decode = Callable[[NDArray[Any]], Pictures]
"""Latents (R, Z) -> pictures (R, H, W, I)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What sheets are made of.

    latents (R, Z) of held-out steps; seen: rows of these -> their pictures (n, H, W, I); decode:
    back from latents; weight (Z,): how much each unit says, by `weight_is`, e.g. its KL.
    """

    latents: NDArray[Any]
    seen: Callable[[NDArray[np.int64]], Pictures]
    decode: Decode
    view: View
    weight: NDArray[Any]
    weight_is: str


def write_sheets(run: Path, folder: str, material: Material, seed: int) -> list[dict[str, str]]:
    """Write the sheets into `run/folder`: `file` (inside the run), `title` and `note` of each."""
    generator = np.random.default_rng(seed)
    count = len(material.latents)
    rows = np.sort(generator.choice(count, min(COLUMNS, count), replace=False)).astype(np.int64)
    pairs = generator.choice(count, (WAYS, 2), replace=count < 2 * WAYS)
    units = [int(i) for i in np.argsort(-material.weight, kind="stable")[:UNITS]]
    cameras = " and ".join(material.view.cameras)
    sheets = (
        (
            "reconstruction", "Reconstructions", _reconstructions(material, rows),
            f"{len(rows)} held-out steps. Of each camera ({cameras}) a row as it was seen, and "
            "below it as it comes back from the latent.",
        ),
        (
            "interpolation", "Between two steps", _interpolations(material, pairs),
            f"{WAYS} pairs of held-out steps, a row for each camera ({cameras}): latents on the "
            "straight line between them, decoded. Both ends are reconstructions too.",
        ),
        (
            "traversal", "One unit at a time", _traversals(material, int(rows[0]), units),
            f"Units {', '.join(map(str, units))}, those of the largest {material.weight_is}, a row "
            f"for each camera ({cameras}): moved from one held-out step by up to {REACH:g} of its "
            "standard deviations to either side, with all others as they are.",
        ),
    )  # fmt: skip
    out = []
    for name, title, image, note in sheets:
        write_sheet(run / folder / f"{name}.png", image)
        out.append({"file": f"{folder}/{name}.png", "title": title, "note": note})
    return out


def _reconstructions(material: Material, chosen: NDArray[np.int64]) -> Image.Image:
    back = material.decode(material.latents[chosen])
    pairs = (cameras_of(pictures, material.view) for pictures in (material.seen(chosen), back))
    return sheet([row for pair in zip(*pairs, strict=True) for row in pair])


def _interpolations(material: Material, pairs: NDArray[np.int64]) -> Image.Image:
    rows: list[list[Image.Image]] = []
    share = np.linspace(0, 1, COLUMNS)[:, None]
    for start, stop in material.latents[pairs]:
        way = material.decode(start * (1 - share) + stop * share)
        rows += cameras_of(way, material.view)
    return sheet(rows)


def _traversals(material: Material, row: int, units: Sequence[int]) -> Image.Image:
    rows: list[list[Image.Image]] = []
    spread = material.latents.std(axis=0)
    for unit in units:
        moved = np.repeat(material.latents[row][None], COLUMNS, axis=0)
        moved[:, unit] += np.linspace(-REACH, REACH, COLUMNS) * spread[unit]
        rows += cameras_of(material.decode(moved), material.view)
    return sheet(rows)


def cameras_of(pictures: Pictures, view: View) -> list[list[Image.Image]]:
    """(R, H, W, I) -> of each camera its R pictures, shrunk or enlarged to tiles."""
    channels = view.channels // len(view.cameras)
    out = []
    for number in range(len(view.cameras)):
        mine = pictures[..., number * channels : (number + 1) * channels]
        flat = mine[..., 0] if channels == 1 else mine
        tiles = [Image.fromarray(np.ascontiguousarray(one)) for one in flat]
        out.append([tile.resize((TILE, TILE), Image.Resampling.BOX) for tile in tiles])
    return out


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of tiles with transparent gaps."""
    wide = max(len(row) for row in rows)
    size = (wide * (TILE + GAP) - GAP, len(rows) * (TILE + GAP) - GAP)
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    for down, row in enumerate(rows):
        for across, tile in enumerate(row):
            spot = (across * (TILE + GAP), down * (TILE + GAP))
            whole.paste(tile.convert("RGBA"), spot)
    return whole


def write_sheet(path: Path, image: Image.Image) -> None:
    """Write a PNG of few colours, whole or not at all."""
    buffer = io.BytesIO()
    few = image.quantize(96, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True)
    write_bytes(path, buffer.getvalue())
