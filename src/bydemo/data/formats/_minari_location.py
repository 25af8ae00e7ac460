"""Where Minari sets lie: by path, or by id under Minari's own folder; downloaded only if asked."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from bydemo.core.errors import InputError
from bydemo.data.formats._minari_metadata import FILE

DATA: Final = "data"
ROOT_VARIABLE: Final = "MINARI_DATASETS_PATH"
_ID: Final = re.compile(r"([-\w][-\w/]*[-\w]/)?[-\w]+-v\d+")
_SHOWN: Final = 20


def root() -> Path:
    """Minari's own folder: `MINARI_DATASETS_PATH`, or `~/.minari/datasets`."""
    given = os.environ.get(ROOT_VARIABLE)
    return Path(given) if given else Path.home() / ".minari" / "datasets"


def local_ids() -> list[str]:
    """Ids of all sets under Minari's folder."""
    return sorted(_ids_in(root(), root()))


def data_folder(source: Path) -> Path | None:
    """The folder that holds `metadata.json`: of a set's path, its `data` folder, or its id."""
    for path in [source] if source.is_absolute() else [source, root() / source]:
        for folder in (path / DATA, path):
            if (folder / FILE).is_file():
                return folder
    return None


def find_set(source: Path, *, download: bool) -> Path:
    """The data folder of the set that `source` means; InputError lists near and local ids."""
    folder = data_folder(source)
    if folder is None and source.exists():
        raise InputError(f"holds no Minari set: there is no {DATA}/{FILE}", path=source)
    id = source.as_posix()
    if folder is None and download and not source.is_absolute():
        _download(id)
        folder = data_folder(source)
        if folder is None:
            raise InputError(f"was downloaded, but {root() / id} holds no set", path=id)
    if folder is None:
        raise InputError(_not_found(id, absolute=source.is_absolute()), path=source)
    return folder


def id_for(destination: Path, given: str | None) -> str:
    """The id of a set to be written: as given, else its place under Minari's folder, else its name.

    Under Minari's folder, place and id are one.
    """
    if given is not None and not _ID.fullmatch(given):
        raise InputError(f"is '{given}', expected (namespace/)name-v0", field="dataset_id")
    whole, home = destination.resolve(), root().resolve()
    if whole.is_relative_to(home):
        place = whole.relative_to(home).as_posix()
        if given is not None and given != place:
            raise InputError(
                f"is '{given}', but the place is '{place}': under {home} they are one",
                field="dataset_id",
            )
        if not _ID.fullmatch(place):
            raise InputError(
                f"Minari would not find it: under {home} the name must end in a version, e.g. "
                f"{destination.name}-v0", path=destination,
            )  # fmt: skip
        return place
    name = re.sub(r"[^-\w]", "_", destination.name)
    return given or (name if _ID.fullmatch(name) else f"{name}-v0")


def _ids_in(folder: Path, top: Path) -> Iterator[str]:
    try:
        inside = [f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")]
    except OSError:
        return
    for path in inside:
        if (path / DATA / FILE).is_file():
            yield path.relative_to(top).as_posix()
        elif path.name != DATA:
            yield from _ids_in(path, top)


def _not_found(id: str, *, absolute: bool) -> str:
    if absolute:
        return "no such file or folder"
    known = local_ids()
    near = difflib.get_close_matches(id, known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    listed = ", ".join(known[:_SHOWN]) or "none"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    fetch = " --download fetches what Minari publishes." if _ID.fullmatch(id) else ""
    return (
        f"no such folder, and no set of this id under {root()}.{hint} Local sets: {listed}{more}."
        + fetch
    )


def _download(id: str) -> None:
    if not _ID.fullmatch(id):
        raise InputError("is no id of a set: expected (namespace/)name-v0", path=id)
    try:
        import minari  # type: ignore[import-untyped]  # it ships no types
    except ImportError as error:
        raise InputError(f"downloading needs Minari: pip install 'bydemo[minari]' ({error})",
                         path=id) from error  # fmt: skip
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123
            minari.download_dataset(id)
    except Exception as error:  # whatever the network, the hub or its client raises
        said = str(error).strip().partition("\n")[0]
        raise InputError(
            f"could not be downloaded ({type(error).__name__}: {said}). Without a network, copy "
            f"the set's folder to {root() / id}", path=id,
        ) from error  # fmt: skip
