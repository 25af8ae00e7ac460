"""One process at a time in a folder; the lock goes with the process that holds it, however it ends.
"""  # fmt: skip

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bydemo.core.errors import StorageError

PATIENCE = 30.0
"""[s] for the last worker of a study that was killed to notice and leave."""


@contextmanager
def locked(folder: Path, *, wait: float = PATIENCE) -> Iterator[None]:
    """Hold the lock beside `folder`, so that the folder itself may be emptied meanwhile.

    StorageError if somebody else still holds it after `wait` seconds.
    """
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(descriptor, folder, wait)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise StorageError(f"{folder}: another process is at work on it") from error
            time.sleep(0.05)
