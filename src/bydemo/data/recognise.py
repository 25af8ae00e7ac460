"""Which format a recording is in, told by looking at it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bydemo.core.config import load_leaf, names_in
from bydemo.core.errors import InputError

FORMATS: Final = "bydemo.data.formats"


def recognise(source: Path) -> str:
    """The name of the one format that `source`, a path or a Minari id, looks like."""
    names = names_in(FORMATS)
    found = [name for name in names if load_leaf(FORMATS, "format", name).sniff(source)]
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"looks like {' and like '.join(found)}"
    elif source.exists():
        problem = f"looks like none of the formats {', '.join(names)}"
    else:
        problem = "is neither there nor the id of a local Minari set"
    raise InputError(f"{problem}: say which it is with bydemo convert FORMAT", path=source)
