"""LeRobot recordings (parquet tables, a video a camera), decoded once into a dataset.

Reads v2.0, v2.1 and v3.0, any codec that PyAV decodes, and pictures stored in the table. The
files' real, uneven row times are kept as annotation `timestamp`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bydemo.core.errors import InputError
from bydemo.data.formats._lerobot_example import write_example
from bydemo.data.formats._lerobot_fields import parse_meaning
from bydemo.data.formats._lerobot_recording import open_recording
from bydemo.data.formats._lerobot_video import Fit, Fitting
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.data.whole import new_folder


def sniff(path: Path) -> bool:
    """Does `path` look like a LeRobot recording?"""
    return (path / "meta" / "info.json").is_file()


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a LeRobot recording is read.

    cameras: which ones, by short name (`observation.images.top` is `top`); none given: all.
    size: pictures are averaged down to size x size pixels; None keeps them as recorded.
    fit: `crop` takes the middle square of a picture, `stretch` all of it; only with a size.
    detect_labels: an action component of 2 or 3 distinct small whole numbers becomes a label.
    classes: names of a label's classes in rising order of value, e.g. gripper=open,closed.
    units: units of parts, which the files do not state, e.g. joint_vel=rad/s.
    episodes: read only so many, from the first on; None reads all.
    split: how episodes are parted into train, validation and test. `random` draws them, `grouped`
    keeps neighbours together, `none` leaves it open, as fewer than three episodes always do.
    """

    cameras: tuple[str, ...] = ()
    size: int | None = None
    fit: Fit = "crop"
    detect_labels: bool = True
    classes: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    episodes: int | None = None
    split: Literal["random", "grouped", "none"] = "random"

    def __post_init__(self) -> None:
        for name in ("size", "episodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"is {value}, expected at least 1", field=name)

    def convert(
        self, source: Path, destination: Path, progress: Callable[[int, int], None]
    ) -> None:
        """Decode `source` into a dataset at `destination`; progress(episodes done, of how many)."""
        recording = open_recording(
            source,
            cameras=self.cameras,
            fitting=Fitting(size=self.size, fit=self.fit),
            meaning=parse_meaning(self.units, self.classes),
            detect_labels=self.detect_labels,
            first=self.episodes,
        )
        episodes = recording.layout.episodes
        with new_folder(destination) as folder:
            with DatasetWriter(
                folder, recording.spec, source=recording.source(),
                expected_steps=sum(e.length for e in episodes),
            ) as writer:  # fmt: skip
                for number, episode in enumerate(recording.read(), start=1):
                    writer.add(episode)
                    progress(number, len(episodes))
            if self.split != "none" and len(episodes) >= 3:
                dataset = Dataset.open(folder)
                write_splits(dataset, make_split(dataset, self.split))


def example(path: Path) -> None:
    """Write a tiny recording in this layout into the new folder `path`."""
    with new_folder(path) as folder:
        write_example(folder)
