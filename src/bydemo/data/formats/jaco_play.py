"""The CLVR Jaco Play dataset: one HDF5 indexed by step and a CSV of its episodes, both ways.

Read from `all_play_data_diverse.h5` and `transition_df.csv` in one folder, in blocks of rows;
written in exactly that layout from any dataset with the same fields.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Spec, check_match
from bydemo.core.images import grey
from bydemo.core.jaco_play import CONTROL_RATE, IMAGE_SIZE, jaco_play_spec
from bydemo.data.formats._jaco_play_example import example_dataset
from bydemo.data.formats._jaco_play_file import (
    ACTIONS,
    BLOCK,
    CAMERAS,
    FILE,
    REWARD,
    TERMINALS,
    VECTORS,
    PlayFile,
    PlayFileWriter,
    row_bytes,
    swap_channels,
)
from bydemo.data.formats._jaco_play_table import (
    EPISODE,
    LENGTH,
    STEP,
    TABLE,
    TERMINAL,
    TableEpisode,
    read_table,
)
from bydemo.data.layout import EpisodeRecord
from bydemo.data.source import Dataset
from bydemo.data.splits import SHORT, make_split, stated_length, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.data.whole import new_folder, require_space

Progress = Callable[[int, int], None]
HEADER: Final = ("", EPISODE, STEP, TERMINAL, LENGTH)


def sniff(path: Path) -> bool:
    """Does `path` look like Jaco Play: its folder, or its HDF5 beside the CSV?"""
    file, table = _files(path)
    return file.is_file() and table.is_file()


@dataclass(frozen=True, kw_only=True)
class Config:
    """How Jaco Play is read.

    under_75: keep only episodes of less than 75 steps, as the reference does.
    colour: keep RGB; otherwise grey (BT.601 luma), a third of the size.
    split: how episodes are parted. `reference` is step for step the published one (episodes of
    less than 75 steps, at random; neighbours that share a scene are parted), `grouped` keeps
    neighbours together, `none` leaves it open.
    """

    under_75: bool = False
    colour: bool = True
    split: Literal["reference", "random", "grouped", "none"] = "reference"

    def convert(self, source: Path, destination: Path, progress: Progress) -> None:
        """Read `source` into a dataset at `destination`; progress(episodes done, of how many)."""
        path, table = _files(source)
        if not source.exists():
            raise InputError("no such file or folder", path=source)
        with PlayFile(path) as file:
            episodes = _chosen(read_table(table), table, file, self.under_75)
            spec = _spec(self.colour)
            with new_folder(destination) as temporary:
                with DatasetWriter(
                    temporary, spec, source=self._source(path),
                    expected_steps=sum(len(e.rows) for e in episodes),
                ) as writer:  # fmt: skip
                    for done, episode in enumerate(episodes, 1):
                        writer.add_pieces(_pieces(file, episode, self.colour))
                        progress(done, len(episodes))
                if self.split != "none":
                    dataset = Dataset.open(temporary)
                    write_splits(dataset, make_split(dataset, self.split))

    def write(self, dataset: Dataset, destination: Path) -> None:
        """Write the HDF5 and the CSV into the new folder `destination`.

        Any dataset with the fields of Jaco Play will do; annotations and final observations have
        no place in the layout and stay behind.
        """
        check_match(
            dataset.spec, jaco_play_spec(), ours_name=str(dataset.path), theirs_name="Jaco Play"
        )
        with new_folder(destination) as temporary:
            episodes = ((r, dataset.episode(r.index)) for r in dataset.episodes)
            _write(temporary, dataset.steps, episodes)

    def _source(self, path: Path) -> dict[str, Any]:
        return {
            "format": "jaco_play", "file": path.name, "under_75": self.under_75,
            "colour": self.colour, "licence": "CC-BY-4.0",
        }  # fmt: skip


def example(path: Path) -> None:
    """Write a tiny recording in this layout into the new folder `path`."""
    with tempfile.TemporaryDirectory() as folder:
        Config().write(example_dataset(Path(folder) / "dataset"), path)


def _files(source: Path) -> tuple[Path, Path]:
    """(HDF5, CSV) of a folder, or of an HDF5 with the CSV beside it."""
    if source.suffix in (".h5", ".hdf5"):
        return source, source.with_name(TABLE)
    return source / FILE, source / TABLE


def _chosen(
    episodes: list[TableEpisode], table: Path, file: PlayFile, under_75: bool
) -> list[TableEpisode]:
    for episode in episodes:
        if episode.rows[-1] >= file.steps:
            raise InputError(
                f"episode {episode.id} needs row {episode.rows[-1]}, but {file.path.name} holds "
                f"{file.steps} rows", path=table, field="index",
            )  # fmt: skip
    kept = [e for e in episodes if not under_75 or e.stated_length < SHORT]
    if not kept:
        raise InputError(f"no episode is shorter than {SHORT} steps", path=table, field=LENGTH)
    return kept


def _spec(colour: bool) -> Spec:
    full = jaco_play_spec()
    if colour:
        return full
    single = Field.image(IMAGE_SIZE, IMAGE_SIZE, 1)
    fields = {n: f if n in full.vectors else single for n, f in full.observation.items()}
    return Spec(observation=fields, action=full.action, control_rate=CONTROL_RATE)


def _pieces(file: PlayFile, episode: TableEpisode, colour: bool) -> Iterator[Episode]:
    """The episode in blocks; every one carries the whole episode's prompt, success and info."""
    runs = episode.runs(BLOCK)
    prompts = [p for run in runs for p in file.prompts(*run)]
    terminals = np.concatenate([file.flags(TERMINALS, *run) for run in runs])
    rewards = [file.flags(REWARD, *run) for run in runs]
    info = _info(episode, prompts, terminals)
    for (start, stop), reward in zip(runs, rewards, strict=True):
        frames = {name: file.images(name, start, stop) for name in CAMERAS}
        images = frames if colour else {n: grey(f) for n, f in frames.items()}
        vectors = {n: file.vector(key, start, stop) for n, key in VECTORS.items()}
        yield Episode(
            observation=images | vectors,
            action=file.vector(ACTIONS, start, stop),
            reward=reward,
            instruction=prompts[-1],
            success=True if rewards[-1][-1] > 0 else None,
            info=info,
        )


def _info(episode: TableEpisode, prompts: list[str], terminals: NDArray[Any]) -> dict[str, Any]:
    """What the layout says besides; irregular things only where they occur."""
    info: dict[str, Any] = {"episode": episode.id, "episode_length": episode.stated_length}
    ends = np.flatnonzero(terminals).tolist()
    if ends != [len(prompts) - 1]:
        info["terminals"] = ends
    changes = [i for i, p in enumerate(prompts) if i == 0 or p != prompts[i - 1]]
    if len(changes) > 1:
        info["prompts"] = [[i, prompts[i]] for i in changes]
    gaps = (np.flatnonzero(np.diff(episode.rows) != 1) + 1).tolist()
    return info | ({"gaps_before": gaps} if gaps else {})


def _write(folder: Path, steps: int, episodes: Iterator[tuple[EpisodeRecord, Episode]]) -> None:
    require_space(folder, steps * row_bytes())
    file = PlayFileWriter(folder / FILE, steps)
    try:
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow(HEADER)
            for record, episode in episodes:
                ends = _flags(record.info.get("terminals", [record.length - 1]), record.length)
                number = record.info.get("episode", record.index)
                table.writerows(
                    (file.row + t, number, t, int(ends[t]), stated_length(record))
                    for t in range(record.length)
                )
                for start in range(0, record.length, BLOCK):
                    block = slice(start, min(start + BLOCK, record.length))
                    file.append(_stored(episode, block, ends), _prompts(record)[block])
    finally:
        file.close()


def _stored(episode: Episode, block: slice, ends: NDArray[np.float32]) -> dict[str, Any]:
    """Key -> rows of one block as the layout has them, images BGR."""
    rows = {key: swap_channels(episode.observation[n][block]) for n, key in CAMERAS.items()}
    rows |= {key: episode.observation[n][block] for n, key in VECTORS.items()}
    goal = _flags([len(episode) - 1] if episode.success is not False else [], len(episode))
    reward = goal if episode.reward is None else episode.reward
    return rows | {ACTIONS: episode.action[block], TERMINALS: ends[block], REWARD: reward[block]}


def _prompts(record: EpisodeRecord) -> list[str]:
    out = [record.instruction] * record.length
    for start, prompt in record.info.get("prompts", []):
        out[start:] = [prompt] * (record.length - start)
    return out


def _flags(steps: list[int], length: int) -> NDArray[np.float32]:
    flags = np.zeros(length, np.float32)
    flags[steps] = 1
    return flags
