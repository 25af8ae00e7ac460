"""A LeRobot recording, understood from its metadata and numbers, decoded episode by episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.statistics import NEAR_CONSTANT
from bydemo.data.formats._lerobot_fields import (
    Meaning,
    check_names_used,
    component_names,
    to_classes,
    vector_field,
)
from bydemo.data.formats._lerobot_layout import (
    EpisodeFiles,
    Feature,
    Layout,
    VideoSpan,
    read_layout,
    read_tasks,
)
from bydemo.data.formats._lerobot_survey import TIMESTAMP, Survey, survey
from bydemo.data.formats._lerobot_tables import EpisodeTables, instruction, numeric
from bydemo.data.formats._lerobot_video import (
    Fitting,
    Frame,
    VideoReader,
    check_pixels,
    match_frames,
    table_frames,
)

_NUMERIC = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
_BOOKKEEPING = ("timestamp", "frame_index", "episode_index", "index", "task_index", "next.done",
                "next.reward", "next.success")  # fmt: skip


def open_recording(
    source: Path,
    *,
    cameras: Sequence[str],
    fitting: Fitting,
    meaning: Meaning,
    detect_labels: bool,
    first: int | None,
) -> Recording:
    """Read and check everything but the pictures; they are decoded episode by episode."""
    if not source.is_dir():
        raise InputError("there is no such folder", path=source)
    layout = read_layout(source)
    layout = replace(layout, episodes=layout.episodes[:first])
    chosen, vectors, left_out = _choose(layout, cameras)
    found = survey(layout, vectors, detect_labels=detect_labels)
    recording = Recording(
        layout=layout,
        cameras=chosen,
        vectors=vectors,
        left_out=left_out,
        survey=found,
        fitting=fitting,
        tasks=read_tasks(source),
        spec=_spec(layout, chosen, vectors, found, meaning, fitting),
    )
    check_names_used(meaning, {"action": recording.spec.action, **recording.spec.observation})
    return recording


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A LeRobot recording, understood and ready to be decoded.

    cameras, vectors: name in the spec -> the published feature; `vectors` includes the action.
    """

    layout: Layout
    cameras: Mapping[str, Feature]
    vectors: Mapping[str, Feature]
    left_out: tuple[str, ...]
    survey: Survey
    fitting: Fitting
    tasks: Mapping[int, str]
    spec: Spec

    def source(self) -> dict[str, Any]:
        """Where the data came from, for the manifest: plain JSON values."""
        names = {n: list(_names(f)) for n, f in self.vectors.items()}
        flat = {
            n: [names[n][i] for i in np.flatnonzero(s.near_constant)]
            for n, s in self.survey.statistics.items()
        }
        return {
            "format": "lerobot",
            "version": self.layout.version,
            "name": self.layout.root.resolve().name,
            "robot": self.layout.robot,
            "timing": self.survey.timing(self.layout.rate),
            "component_names": names,
            "near_constant": {n: found for n, found in flat.items() if found},
            "near_constant_below": NEAR_CONSTANT,
            "label_values": {names["action"][c]: v for c, v in self.survey.labels.items()},
            "recorded_pixels": {n: list(f.shape) for n, f in self.cameras.items()},
            "fit": self.fitting.fit if self.fitting.size else "as recorded",
            "left_out": list(self.left_out),
        }

    def read(self) -> Iterator[Episode]:
        """All episodes in order, pictures decoded and fitted."""
        in_table = [f.key for f in self.cameras.values() if f.dtype == "image"]
        vectors = [f.key for f in self.vectors.values()]
        extra = [k for k in ("next.reward", "next.success", "task_index")
                 if k in self.layout.features]  # fmt: skip
        tables = EpisodeTables([*vectors, *in_table, *extra, "timestamp"])
        with ExitStack() as stack:
            videos: dict[str, VideoReader] = {}
            for episode in self.layout.episodes:
                rows = tables.rows(episode)
                time = numeric(rows, TIMESTAMP, episode)
                observation: dict[str, NDArray[Any]] = {}
                for name, feature in self.cameras.items():
                    if feature.dtype == "image":
                        observation[name] = self._from_table(rows, feature, episode)
                        continue
                    reader = _reader(videos, stack, name, episode.videos[feature.key],
                                     self.fitting)  # fmt: skip
                    observation[name] = self._from_video(reader, feature, episode, time[:, 0])
                yield self._episode(rows, episode, observation, time)

    def _episode(
        self,
        rows: pa.Table,
        episode: EpisodeFiles,
        observation: dict[str, NDArray[Any]],
        time: NDArray[np.float64],
    ) -> Episode:
        vectors = {n: numeric(rows, f, episode).astype(np.float32) for n, f in self.vectors.items()}
        action = vectors.pop("action")
        to_classes(action, self.survey.labels)
        words, tasks = instruction(rows, self.tasks, episode)
        reward = _optional(rows, "next.reward", episode)
        success = _optional(rows, "next.success", episode)
        return Episode(
            observation=observation | vectors,
            action=action,
            instruction=words,
            success=None if success is None else bool(success.any()),
            reward=None if reward is None else reward.astype(np.float32),
            annotation={"timestamp": time.astype(np.float32)},
            info={"source_episode": episode.index}
            | ({"tasks": list(tasks)} if len(tasks) > 1 else {}),
        )

    def _from_video(
        self,
        reader: VideoReader,
        feature: Feature,
        episode: EpisodeFiles,
        time: NDArray[np.float64],
    ) -> NDArray[np.uint8]:
        check_pixels((reader.height, reader.width), feature.pixels, path=reader.path,
                     camera=feature.key)  # fmt: skip
        span = episode.videos[feature.key]
        times, frames = reader.span(span, episode.index, 1 / self.layout.rate)
        chosen = match_frames(
            times, time, path=reader.path, camera=feature.key, episode=episode.index
        )
        return np.stack([frames[i] for i in chosen])

    def _from_table(
        self, rows: pa.Table, feature: Feature, episode: EpisodeFiles
    ) -> NDArray[np.uint8]:
        frames: list[Frame] = table_frames(
            rows[feature.key].to_pylist(),
            self.fitting,
            stated=feature.pixels,
            root=self.layout.root,
            path=episode.table,
            camera=feature.key,
            episode=episode.index,
        )
        return np.stack(frames)


def _names(feature: Feature) -> tuple[str, ...]:
    return component_names(feature.key, feature.width, feature.names)


def _optional(rows: pa.Table, key: str, episode: EpisodeFiles) -> NDArray[np.float64] | None:
    """A column of one number a row, (T,) float64, or None where the recording has none."""
    if key not in rows.column_names:
        return None
    return numeric(rows, Feature(key=key, dtype="float32", shape=(1,), names=()), episode)[:, 0]


def _reader(
    open_ones: dict[str, VideoReader],
    stack: ExitStack,
    name: str,
    span: VideoSpan,
    fitting: Fitting,
) -> VideoReader:
    """The camera's reader: kept while episodes follow each other in one file, else a new one."""
    reader = open_ones.get(name)
    if reader is None or reader.path != span.path:
        if reader is not None:
            reader.close()
        reader = open_ones[name] = VideoReader(span.path, name, fitting)
        stack.callback(reader.close)
    return reader


def _choose(
    layout: Layout, wanted: Sequence[str]
) -> tuple[dict[str, Feature], dict[str, Feature], tuple[str, ...]]:
    """Cameras and vectors by name in the spec, and the keys of features that are left out."""
    path = layout.root / "meta" / "info.json"
    if "action" not in layout.features:
        raise InputError(f"missing; there are {', '.join(layout.features)}", path=path,
                         field="features.action")  # fmt: skip
    cameras, vectors, left_out = {}, {}, []
    for key, feature in layout.features.items():
        name = key.removeprefix("observation.").removeprefix("images.")
        if key in _BOOKKEEPING:
            continue
        if key.startswith("observation.") and feature.is_camera:
            cameras[name] = feature
        elif feature.dtype in _NUMERIC and (key == "action" or key.startswith("observation.")):
            vectors[name] = feature
        else:
            left_out.append(key)
    unknown = [c for c in wanted if c not in cameras]
    if unknown:
        raise UnknownNameError("camera", unknown[0], cameras)
    if wanted:
        left_out += [f.key for n, f in cameras.items() if n not in wanted]
        cameras = {n: cameras[n] for n in wanted}
    return cameras, vectors, tuple(left_out)


def _spec(
    layout: Layout,
    cameras: Mapping[str, Feature],
    vectors: Mapping[str, Feature],
    found: Survey,
    meaning: Meaning,
    fitting: Fitting,
) -> Spec:
    observation: dict[str, Field] = {}
    for name, feature in cameras.items():
        height, width = fitting.shape(*feature.pixels)
        observation[name] = Field.image(height, width, description=feature.key)
    fields = {
        name: vector_field(
            _names(feature),
            found.labels if name == "action" else {},
            meaning,
            description=f"{feature.key}: {', '.join(_names(feature))}",
        )
        for name, feature in vectors.items()
    }
    action = fields.pop("action")
    clock = Field.vector(Part(name="time", size=1, unit="s"), description="since the start")
    return Spec(
        observation=observation | fields,
        action=action,
        control_rate=layout.rate,
        annotation={"timestamp": clock},
    )
