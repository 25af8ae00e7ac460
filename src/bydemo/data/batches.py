"""From a dataset to the batches that models/base.py describes, in vectorised steps.

Shape letters: N steps, E episodes, M samples, B batch, H W pixels, I channels, P proprioception,
L words, K chunk steps, C continuous action components, G label parts, J later steps.

Only the numbers are held in memory (some hundred bytes a step); images are copied row by row from
the memory map when a batch is asked for. There are no workers: for data that lie in the page
cache they would cost more than they save.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.camera import project
from bydemo.core.codec import Codec
from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.data.key_moments import next_event, next_stop, place_components
from bydemo.data.source import Dataset
from bydemo.data.view_cache import check_size, view_array, view_file

Rows = NDArray[np.int64]
NumpyBatch = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What a sample is.

    view: which images; none where its `cameras` are empty. chunk: actions a sample (K).
    target_offset: the first of them lies so many steps after the observation. history: the
    proprioception of so many last steps, oldest first; before an episode's first step, that one
    again. keyframes: also give the proprioception at the next key moment, and the steps until it:
    an event of a label part, or without actions the next stop of the robot. later: also give the
    proprioception so many steps later, at one distance or several, and the images at the first;
    beyond the episode's end, its last step. actions: False for a model that must not learn
    from them: then they are not even read.
    """

    view: View
    chunk: int = 1
    target_offset: int = 0
    history: int = 1
    keyframes: bool = False
    later: tuple[int, ...] = ()
    actions: bool = True

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise InputError(f"is {self.chunk}, expected at least 1", field="chunk")
        if self.target_offset < 0:
            raise InputError(f"is {self.target_offset}, expected 0 or more", field="target_offset")
        if self.history < 1:
            raise InputError(f"is {self.history}, expected at least 1", field="history")
        if any(steps < 1 for steps in self.later):
            raise InputError(f"is {list(self.later)}, expected 1 or more each", field="later")


class Batches:
    """All samples of some episodes: every step whose first target lies in the same episode."""

    def __init__(
        self,
        dataset: Dataset,
        episodes: str | Sequence[int],
        codec: Codec,
        vocabulary: Vocabulary,
        config: BatchConfig,
    ) -> None:
        """`episodes` is the name of a split, or episode indices."""
        self.dataset, self.config = dataset, config
        chosen = dataset.split(episodes) if isinstance(episodes, str) else tuple(episodes)
        if not chosen:
            raise InputError("no episodes were chosen", path=dataset.path, field="episodes")
        self.episodes = chosen
        index = np.asarray(chosen, np.int64)
        starts, stops = dataset.starts[index], dataset.starts[index] + dataset.lengths[index]
        samples = [
            np.arange(a, b - config.target_offset) for a, b in zip(starts, stops, strict=True)
        ]
        self.steps: Rows = np.concatenate(samples).astype(np.int64)
        """(M,) the dataset's step of each sample."""
        self.episode_of: Rows = np.repeat(index, [len(s) for s in samples])
        """(M,) the episode of each sample."""
        if len(self.steps) == 0:
            raise InputError(
                f"no episode is longer than the target offset {config.target_offset}",
                path=dataset.path, field="target_offset",
            )  # fmt: skip
        self._start = dataset.starts[self.episode_of]
        self._stop = (dataset.starts + dataset.lengths)[self.episode_of]
        self._ahead = config.target_offset + np.arange(config.chunk)
        self._encode(codec, vocabulary)
        self._given: dict[str, NDArray[Any]] = {}
        self._image: NDArray[np.uint8] | None = None
        if config.view.cameras:
            self._image = view_array(dataset, config.view)
            self._image_file = view_file(dataset, config.view)

    def __len__(self) -> int:
        """Samples (M)."""
        return len(self.steps)

    def gather(self, rows: Rows) -> NumpyBatch:
        """The batch of samples `rows` (B,), each 0..M-1, in that order."""
        steps, config = self.steps[rows], self.config
        batch: NumpyBatch = {}
        if self._image is not None:
            check_size(self._image_file, self._image.nbytes)
            batch["image"] = self._image[steps]
        batch["proprioception"] = self._past(rows, steps)
        batch["prompt"] = self._prompt[self.episode_of[rows]]
        batch |= {name: array[steps] for name, array in self._given.items()}
        if config.later:
            batch |= self._later(rows, steps)
        if config.actions:
            batch |= self._targets(rows, steps)
        if config.keyframes:
            keyframe = self._keyframe[steps]
            batch["keyframe"] = self._proprioception[keyframe]
            batch["keyframe_steps"] = (keyframe - steps).astype(np.float32)
            batch |= self._keyframe_in_pictures(steps, keyframe)
        return batch

    def with_steps(self, arrays: Mapping[str, NDArray[Any]]) -> Batches:
        """The same samples with arrays (N, ...) of every step, by name, in place of the images."""
        made = copy.copy(self)
        made._given, made._image = dict(arrays), None
        return made

    def _targets(self, rows: Rows, steps: Rows) -> NumpyBatch:
        """What is to be learned from the actions."""
        batch: NumpyBatch = {}
        targets = steps[:, None] + self._ahead
        last = self._stop[rows][:, None] - 1
        batch["valid"] = targets <= last
        # Beyond the end the last action is repeated, so that every number is a real one.
        targets = np.minimum(targets, last)
        batch["continuous"] = self._continuous[targets]
        batch["labels"] = self._labels[targets]
        return batch

    def _later(self, rows: Rows, steps: Rows) -> NumpyBatch:
        """(B, J, P/T) the proprioception later, (B, J) whether the episode lasts so long, and the
        images (B, H, W, I) at the first distance."""
        ahead = steps[:, None] + np.asarray(self.config.later)
        last = self._stop[rows][:, None] - 1
        batch: NumpyBatch = {"later_valid": ahead <= last}
        ahead = np.minimum(ahead, last)
        batch["later_proprioception"] = self._proprioception[ahead]
        if self._image is not None:
            batch["later_image"] = self._image[ahead[:, 0]]
        return batch

    def _past(self, rows: Rows, steps: Rows) -> NDArray[np.float32]:
        """(B, history * P): the proprioception up to each step, oldest first."""
        if self.config.history == 1:
            return self._proprioception[steps]
        past = steps[:, None] - np.arange(self.config.history)[::-1]
        past = np.maximum(past, self._start[rows][:, None])
        history: NDArray[np.float32] = self._proprioception[past].reshape(len(rows), -1)
        return history

    def _keyframe_in_pictures(self, steps: Rows, keyframe: Rows) -> NumpyBatch:
        """Where the tool's tip at the keyframe appears in each camera of the view; nothing where no
        camera is calibrated."""
        cameras = self.config.view.cameras
        if all(self.dataset.spec.observation[name].camera is None for name in cameras):
            return {}
        place = np.zeros((len(steps), len(cameras), 2), np.float32)
        visible = np.zeros((len(steps), len(cameras)), bool)
        for i, name in enumerate(cameras):
            field = self.dataset.spec.observation[name]
            if field.camera is None:
                continue
            vector, _, part = field.camera.frame.partition(".")
            columns = self.dataset.spec.observation[vector].slices()[part]
            where = self.dataset.observation(vector)[:, columns]
            aspect = field.shape[1] / field.shape[0]
            place[:, i], visible[:, i] = project(
                field.camera, where[keyframe], where[steps], aspect
            )
        return {"keyframe_place": place, "keyframe_visible": visible}

    def _encode(self, codec: Codec, vocabulary: Vocabulary) -> None:
        dataset = self.dataset
        vectors = {n: dataset.observation(n) for n in codec.spec.vectors}
        self._proprioception = codec.encode_observation(vectors)
        self._require("observation", np.isfinite(self._proprioception), "is not finite")
        self._prompt = np.stack([vocabulary.encode(e.instruction) for e in dataset.episodes])
        if self.config.actions:
            self._encode_actions(codec)
        elif self.config.keyframes:
            places = self._proprioception[:, place_components(codec)]
            self._keyframe = next_stop(places, dataset.starts, dataset.lengths)

    def _encode_actions(self, codec: Codec) -> None:
        dataset = self.dataset
        self._require("action", np.isfinite(dataset.action), "is not finite")
        self._continuous, self._labels = codec.encode_action(dataset.action)
        classes = np.array([len(part.classes) for part in codec.spec.action.labels], np.int64)
        known = (self._labels >= 0) & (self._labels < classes)
        self._require("action", known, "holds a label that is no class index")
        if self.config.keyframes:
            self._keyframe = next_event(
                self._labels, dataset.starts, dataset.lengths, classes.tolist()
            )

    def _require(self, field: str, good: NDArray[np.bool_], problem: str) -> None:
        """InputError naming episode and step of the first row of `good` (N, D) that is not all."""
        whole = good.all(axis=1)
        if whole.all():
            return
        where = self.dataset.place(int(np.argmin(whole)))
        raise InputError(f"{problem} at {where}", path=self.dataset.path, field=field)


def order(samples: int, seed: int, epoch: int) -> Rows:
    """A permutation of 0..samples-1, (samples,) int64: a pure function of its arguments."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return generator.permutation(samples).astype(np.int64)
