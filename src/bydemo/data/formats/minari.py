"""Minari sets (HDF5, arrow, parquet), by id or path, both ways; downloaded only when asked.

Read and written with h5py and pyarrow on Minari's own layout, so that damage is named by file,
episode and step, pictures are kept without loss, and neither Minari nor jax need be installed:
Minari's collector needs jax, its reader checks little, and its arrow writer sums up the size of
the whole folder after every episode. Minari itself is asked for one thing only, to download.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.data.formats._minari_environment import environment_of
from bydemo.data.formats._minari_example import example_dataset
from bydemo.data.formats._minari_location import DATA, data_folder, find_set, id_for
from bydemo.data.formats._minari_metadata import Storage
from bydemo.data.formats._minari_reading import Choice, MinariSet
from bydemo.data.formats._minari_windows import window_of, window_starts
from bydemo.data.formats._minari_writing import write_set
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, grouped_split, make_split, random_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.data.whole import new_folder

Progress = Callable[[int, int], None]


def sniff(path: Path) -> bool:
    """Does `path` look like a Minari set: its folder, that folder's `data`, or a local id?"""
    return data_folder(path) is not None


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a Minari set is read and written.

    first: number of the first episode to read.
    episodes: read only so many; None reads all from the first on.
    window: cut episodes into windows of so many steps, each an episode; the rest is left out.
    stride: steps from one window to the next; None: windows do not overlap.
    infos: keep what the environment told besides (numbers, in every episode) as annotations.
    clip_actions: clip actions to the limits of their space; otherwise one beyond is an error.
    control_rate: actions a second [Hz], for a set whose environment is not installed here.
    download: fetch a set that is not there from where Minari publishes them.
    split: how episodes are parted into train, validation and test, windows of one together.
    `random` draws them, `grouped` keeps neighbours together, `none` leaves it open, as fewer than
    three episodes always do.
    storage: for writing, the layout of the files.
    dataset_id: for writing, the set's id; None: its place under Minari's folder, else its name.
    environment: for writing, the id of the environment, if the dataset does not name it.
    ref_max_score: for writing, the return of an expert.
    ref_min_score: for writing, the return of a random policy.
    algorithm_name: for writing, who acted.
    author: for writing, the authors.
    description: for writing, what it is, in words.
    """

    first: int = 0
    episodes: int | None = None
    window: int | None = None
    stride: int | None = None
    infos: bool = True
    clip_actions: bool = False
    control_rate: float | None = None
    download: bool = False
    split: Literal["random", "grouped", "none"] = "random"
    storage: Storage = "hdf5"
    dataset_id: str | None = None
    environment: str | None = None
    ref_max_score: float | None = None
    ref_min_score: float | None = None
    algorithm_name: str | None = None
    author: tuple[str, ...] = ()
    description: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("first", 0), ("episodes", 1), ("window", 1), ("stride", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"is {value}, expected at least {least}", field=name)
        if self.stride is not None and self.window is None:
            raise InputError("needs a window", field="stride")

    def convert(self, source: Path, destination: Path, progress: Progress) -> None:
        """Read `source` into a dataset at `destination`; progress(episodes done, of how many)."""
        folder = find_set(source, download=self.download)
        choice = Choice(
            first=self.first, episodes=self.episodes, infos=self.infos,
            clip_actions=self.clip_actions, control_rate=self.control_rate,
        )  # fmt: skip
        with MinariSet(folder, choice) as found:
            starts = {
                number: window_starts(steps, self.window, self.stride)
                for number, steps in found.survey.steps.items()
            }
            if not any(starts.values()):
                raise InputError(
                    f"is {self.window}, but the longest episode has "
                    f"{max(found.survey.steps.values())} steps", path=folder, field="window",
                )  # fmt: skip
            with new_folder(destination) as temporary:
                self._write_dataset(found, starts, temporary, progress)

    def write(self, dataset: Dataset, destination: Path) -> None:
        """Write the set into the new folder `destination`; `minari.load_dataset` finds it there.

        Under Minari's own folder, the place is the id. Where the dataset has no final
        observation the last one is repeated, and where it has no rewards they are 0.
        """
        id = id_for(destination, self.dataset_id)
        environment = environment_of(dataset.manifest.get("source", {}), self.environment)
        with new_folder(destination) as folder:
            write_set(
                dataset, folder / DATA, id=id, storage=self.storage, environment=environment,
                about=self._about(), clip_actions=self.clip_actions,
            )  # fmt: skip

    def _write_dataset(
        self, found: MinariSet, starts: dict[int, Sequence[int]], folder: Path, progress: Progress
    ) -> None:
        steps = found.survey.steps
        expected = sum(len(starts[n]) * (self.window or steps[n]) for n in starts)
        source = found.source() | {"window": self.window, "stride": self.stride}
        origin: list[int] = []

        def parts() -> Iterator[Episode]:
            for done, (number, episode) in enumerate(found.read(), start=1):
                for start in starts[number]:
                    part = episode
                    if self.window is not None:
                        part = window_of(episode, start, self.window)
                    origin.append(number)
                    yield part
                progress(done, len(starts))

        with DatasetWriter(folder, found.spec, source=source, expected_steps=expected) as writer:
            writer.add_many(parts())
        if self.split != "none" and len(set(origin)) >= 3:
            dataset = Dataset.open(folder)
            write_splits(dataset, self._split(dataset, origin))

    def _split(self, dataset: Dataset, origin: list[int]) -> Split:
        if self.split == "none" or self.window is None:
            return make_split(dataset, "grouped" if self.split == "grouped" else "random")
        draw = random_split if self.split == "random" else grouped_split
        parts = {
            name: tuple(i for i, number in enumerate(origin) if number in set(numbers))
            for name, numbers in draw(sorted(set(origin))).items()
        }
        return Split(kind=self.split, parts=parts, parameters={"windows_of": "one episode"})

    def _about(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("ref_max_score", "ref_min_score", "algorithm_name", "description")
        }
        given["author"] = list(self.author) or None
        return {name: value for name, value in given.items() if value is not None}


def example(path: Path) -> None:
    """Write a tiny set in this layout into the new folder `path`."""
    with tempfile.TemporaryDirectory() as folder:
        Config().write(example_dataset(Path(folder) / "dataset"), path)
