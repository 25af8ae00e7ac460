"""Writes a dataset episode by episode so that finished episodes survive anything, kill -9 included.

An episode's rows are flushed to disk first and its record is appended last: a reader believes only
the records, so a half-written episode does not exist for it and is overwritten by the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, StorageError
from bydemo.core.fields import Spec
from bydemo.core.results import sha256
from bydemo.data.array_file import ArrayFile
from bydemo.data.episode_log import EpisodeLog
from bydemo.data.layout import (
    EPISODES,
    FINAL,
    MANIFEST,
    SCHEMA,
    EpisodeRecord,
    arrays_of,
    read_manifest,
    write_manifest,
)


class DatasetWriter:
    """Appends episodes to the dataset in folder `path`.

    source: where the episodes come from, plain JSON values; rendering: the camera and rendering
    profile, None where the images are real. expected_steps: space for so many in all is
    reserved at once.
    resume: go on after the last finished episode of an existing dataset; otherwise the folder must
    not exist or be empty. Optional arrays (reward, final observation) must be in all episodes or
    in none.
    """

    def __init__(
        self,
        path: Path | str,
        spec: Spec,
        *,
        source: Mapping[str, Any],
        rendering: Mapping[str, Any] | None = None,
        expected_steps: int = 0,
        resume: bool = False,
    ) -> None:
        self.path, self.spec = Path(path), spec
        self._files: dict[str, ArrayFile] = {}
        self._manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "complete": False,
            "source": dict(source),
            "rendering": None if rendering is None else dict(rendering),
            "spec": spec.to_json(),
        }
        going_on = resume and (self.path / MANIFEST).exists()
        self._earlier_split: tuple[int, Any] = (0, None)
        if going_on:
            self._check_same_dataset(read_manifest(self.path))
        else:
            _make_empty_folder(self.path)
        self._log = EpisodeLog(self.path)
        self._open = True
        try:
            self._begin(expected_steps)
        except BaseException:
            self._abandon(remove=not going_on)
            raise

    @property
    def episodes(self) -> int:
        """Finished episodes so far."""
        return len(self._log.records)

    @property
    def steps(self) -> int:
        """Steps of all finished episodes."""
        return self._log.records[-1].stop if self._log.records else 0

    @property
    def records(self) -> tuple[EpisodeRecord, ...]:
        """All finished episodes, those from before a resume included."""
        return tuple(self._log.records)

    def add(self, episode: Episode) -> int:
        """Append one episode; it is safe on disk on return. Returns its index."""
        return self.add_pieces([episode])

    def add_pieces(self, pieces: Iterable[Episode]) -> int:
        """Append one episode given as consecutive pieces, for those too long for memory.

        Instruction, success, info and the final observation are those of the last piece.
        """
        self._require_open()
        try:
            record = self._write_rows(pieces)
            for file in self._files.values():
                file.sync()
            self._log.append(record)
        except BaseException:
            for file in self._files.values():
                file.roll_back()
            raise
        for file in self._files.values():
            file.commit()
        return record.index

    def add_many(self, episodes: Iterable[Episode]) -> None:
        """Append episodes with one flush for all of them, which is what short ones cost most; they
        are safe on disk on return. After an error those before the faulty one are kept."""
        self._require_open()
        written: list[EpisodeRecord] = []
        try:
            for episode in episodes:
                try:
                    written.append(self._write_rows([episode], written))
                except BaseException:
                    for file in self._files.values():
                        file.roll_back()
                    raise
                for file in self._files.values():
                    file.commit()
        finally:
            self._flush(written)

    def close(self) -> None:
        """Finish: cut the files to size, and seal the manifest with their SHA-256."""
        if not self._open:
            return
        self._open = False
        self._drop_unused()
        files = {f.path.name: f.close(self._rows(n)) for n, f in self._files.items()}
        self._log.close()
        log = self._log.path
        files[log.name] = {"bytes": log.stat().st_size, "sha256": sha256(log)}
        self._manifest |= {
            "complete": True,
            "episodes": self.episodes,
            "steps": self.steps,
            "arrays": {n: f.described() for n, f in self._files.items()},
            "files": files,
        }
        if self._earlier_split[1] and self._earlier_split[0] == self.episodes:
            self._manifest["split"] = self._earlier_split[1]
        write_manifest(self.path, self._manifest)

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, or after an error leave the finished episodes readable and resumable."""
        if error is None:
            self.close()
        elif self._open:
            self._abandon(remove=False)

    def _require_open(self) -> None:
        if not self._open:
            raise InputError("the writer is closed", path=self.path)

    def _flush(self, written: Sequence[EpisodeRecord]) -> None:
        """Make written episodes count; the writer is of no use any more if that fails."""
        if not written:
            return
        try:
            for file in self._files.values():
                file.sync()
            self._log.append(*written)
        except BaseException:
            self._abandon(remove=False)
            raise

    def _begin(self, expected_steps: int) -> None:
        for name in arrays_of(self.spec, self._known_arrays()):
            self._file(name).reserve(expected_steps)
        write_manifest(self.path, self._manifest)
        _sync_folder(self.path)

    def _check_same_dataset(self, manifest: Mapping[str, Any]) -> None:
        for name in ("spec", "rendering"):
            ours = json.loads(json.dumps(self._manifest[name]))
            if ours != manifest.get(name):
                raise InputError(
                    "differs from what was recorded before; go on with the same settings, "
                    "or choose another path", path=self.path / MANIFEST, field=name,
                )  # fmt: skip
        self._earlier_split = (int(manifest.get("episodes", 0)), manifest.get("split"))

    def _file(self, name: str) -> ArrayFile:
        if name not in self._files:
            layout = arrays_of(self.spec, [name])[name]
            self._files[name] = ArrayFile(self.path, layout, self._rows(name))
        return self._files[name]

    def _rows(self, name: str) -> int:
        """Rows of an array that belong to finished episodes."""
        return self.episodes if name.startswith(FINAL) else self.steps

    def _drop_unused(self) -> None:
        """Remove the files of optional arrays that only a failed first episode had."""
        for name in set(self._files) - self._known_arrays() - set(arrays_of(self.spec)):
            file = self._files.pop(name)
            file.close(0)
            file.path.unlink()

    def _known_arrays(self) -> set[str]:
        """The arrays of the first episode, which all later ones must have too."""
        return _arrays_in(self._log.records)

    def _write_rows(
        self, pieces: Iterable[Episode], before: Sequence[EpisodeRecord] = ()
    ) -> EpisodeRecord:
        """One episode's rows; `before` are those written since the last flush."""
        length, last, names = 0, None, self._known_arrays() or _arrays_in(before)
        first, start = not names, before[-1].stop if before else self.steps
        for piece in pieces:
            piece.check(self.spec)
            rows = _rows_of(piece)
            names = names or set(rows) | {FINAL + n for n in piece.final_observation or {}}
            for name in rows:
                self._require_known(name, names)
                self._file(name).append(rows[name])
            length, last = length + len(piece), piece
        if last is None:
            raise InputError("an episode needs at least one step", field="action")
        for name, value in (last.final_observation or {}).items():
            if first:
                names.add(FINAL + name)
            self._require_known(FINAL + name, names)
            self._file(FINAL + name).append(np.asarray(value)[None])
        written = {n: f.checksum for n, f in self._files.items() if f.pending}
        for name in names:
            self._require_whole(name, 1 if name.startswith(FINAL) else length)
        return EpisodeRecord(
            index=self.episodes + len(before), start=start, length=length,
            instruction=last.instruction, success=last.success, info=dict(last.info),
            checksums=written,
        )  # fmt: skip

    def _require_known(self, name: str, names: set[str]) -> None:
        if name not in names:
            raise InputError(f"episode {self.episodes} has it, the earlier ones do not", field=name)

    def _require_whole(self, name: str, rows: int) -> None:
        if name not in self._files or self._files[name].pending != rows:
            raise InputError(
                f"missing in episode {self.episodes}, the earlier ones have it", field=name
            )

    def _abandon(self, *, remove: bool) -> None:
        self._open = False
        for name, file in self._files.items():
            file.close(self._rows(name))
            if remove:
                file.path.unlink(missing_ok=True)
        self._log.close()
        if remove:
            for name in (EPISODES, MANIFEST):
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()


def _arrays_in(records: Sequence[EpisodeRecord]) -> set[str]:
    return set(records[0].checksums) if records else set()


def _rows_of(piece: Episode) -> dict[str, NDArray[Any]]:
    rows = {f"observation.{n}": a for n, a in piece.observation.items()}
    rows |= {"action": piece.action}
    rows |= {f"annotation.{n}": a for n, a in piece.annotation.items()}
    return rows if piece.reward is None else rows | {"reward": piece.reward}


def _make_empty_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = any(path.iterdir())
    except OSError as error:
        raise StorageError(f"{path}: no folder can be made here: {error.strerror}") from error
    if occupied:
        raise InputError("already exists; resume, or choose another path", path=path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
