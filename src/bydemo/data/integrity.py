"""Are a dataset's bytes still those that were written? Names the file and the episodes if not."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bydemo.core.errors import InputError
from bydemo.core.results import sha256
from bydemo.data.layout import CACHE, EPISODES, FINAL, MANIFEST, digest_of
from bydemo.data.source import Dataset
from bydemo.data.view_cache import verify_cache

BLOCK: Final = 4 << 20
"""[bytes] read at a time."""


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One damaged file; `episodes` are those whose bytes changed, where that is known."""

    file: Path
    problem: str
    episodes: tuple[int, ...] = ()

    def __str__(self) -> str:
        """One line, e.g. `.../action.bin: the bytes of episodes 3, 7 changed`."""
        return f"{self.file}: {self.problem}"


def verify(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> tuple[Damage, ...]:
    """Read every byte and compare it with its checksums; returns what is damaged, if anything.

    `progress(done, total)` counts arrays. Derived caches are checked too.
    """
    found: list[Damage] = []
    manifest = dataset.manifest
    if manifest.get("digest") != digest_of(manifest):
        found.append(
            Damage(file=dataset.path / MANIFEST, problem="was changed after it was written")
        )
    log = dataset.path / EPISODES
    expected = manifest.get("files", {}).get(EPISODES, {}).get("sha256")
    if expected is not None and sha256(log) != expected:
        found.append(Damage(file=log, problem="was changed after it was written"))
    for done, name in enumerate(dataset.arrays, 1):
        damage = _verify_array(dataset, name)
        found += [damage] if damage else []
        if progress:
            progress(done, len(dataset.arrays))
    return (*found, *_verify_caches(dataset))


def require_intact(dataset: Dataset) -> None:
    """Raise InputError that lists everything damaged."""
    found = verify(dataset)
    if found:
        raise InputError("; ".join(map(str, found)), path=dataset.path)


def _verify_array(dataset: Dataset, name: str) -> Damage | None:
    file = dataset.file(name)
    row_bytes = dataset.row_bytes(name)
    digest, wrong = hashlib.sha256(), []
    with file.open("rb") as opened:
        for record in dataset.episodes:
            rows = 1 if name.startswith(FINAL) else record.length
            checksum, left = 0, rows * row_bytes
            while left:
                block = opened.read(min(left, BLOCK))
                if not block:
                    return Damage(file=file, problem=f"ends within episode {record.index}",
                                  episodes=(record.index,))  # fmt: skip
                checksum, left = zlib.crc32(block, checksum), left - len(block)
                digest.update(block)
            if checksum != record.checksums.get(name):
                wrong.append(record.index)
    if wrong:
        some = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
        problem = f"the bytes of episode{'s' if len(wrong) > 1 else ''} {some} changed"
        return Damage(file=file, problem=problem, episodes=tuple(wrong))
    stated: dict[str, Any] = dataset.manifest.get("files", {}).get(file.name, {})
    if dataset.manifest["complete"] and digest.hexdigest() != stated.get("sha256"):
        return Damage(file=file, problem="does not have the SHA-256 that the manifest states")
    return None


def _verify_caches(dataset: Dataset) -> list[Damage]:
    found = []
    for folder in sorted((dataset.path / CACHE).glob("[0-9a-f]*")):
        try:
            verify_cache(folder)
        except (InputError, OSError) as error:
            found.append(Damage(file=folder, problem=str(error)))
    return found
