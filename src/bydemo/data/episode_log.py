"""The list of finished episodes of a dataset that is being written, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from dataclasses import asdict
from pathlib import Path

from bydemo.core.errors import StorageError
from bydemo.data.layout import EPISODES, EpisodeRecord, read_records
from bydemo.data.whole import unwritten


class EpisodeLog:
    """Appends records; one counts as soon as its line is on disk, and not before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / EPISODES
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o666)
        try:
            self._lock()
            self._cut_torn_line()
            self.records = list(read_records(folder))
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, *records: EpisodeRecord) -> None:
        """Write a line each and flush them at once; after a failure the file is as before."""
        lines = [json.dumps(asdict(record), allow_nan=False).encode() for record in records]
        content = b"".join(line + b"\n" for line in lines)
        before = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except BaseException as error:
            os.ftruncate(self._descriptor, before)
            if isinstance(error, OSError):
                raise unwritten(self.path, error) from error
            raise
        self.records.extend(records)

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"{self.path.parent}: another process is writing this dataset"
            ) from error

    def _cut_torn_line(self) -> None:
        """Remove a last line that a kill cut short."""
        size = os.fstat(self._descriptor).st_size
        whole = os.pread(self._descriptor, size, 0).rfind(b"\n") + 1
        if whole != size:
            os.ftruncate(self._descriptor, whole)
