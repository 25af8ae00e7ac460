"""A disk that is full, for one process and without harm to the machine."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes here: writes and reservations fail as on a full disk.

    The kernel answers with EFBIG where a full disk would answer with ENOSPC; it does so for every
    library, those written in C included. What lies on the disk already can be read.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
