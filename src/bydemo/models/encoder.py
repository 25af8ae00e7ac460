"""A trained representation with everything it needs to turn raw observations into latents.

Shape letters as in `models/base.py`; N steps or observations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bydemo.core.actor import Observation
from bydemo.core.codec import Codec
from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.core.results import versions
from bydemo.data.batches import BatchConfig, Batches
from bydemo.data.source import Dataset
from bydemo.data.step_cache import step_array
from bydemo.models.acting import ActingOptions
from bydemo.models.base import config_name
from bydemo.models.folder import SCHEMA, Description, read_model, write_model
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.nets.freezing import exact
from bydemo.nets.weights import state_hash

BATCH: Final = 256
"""Samples encoded at a time; latents do not depend on it beyond rounding."""

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with steps done and all."""


@dataclass(kw_only=True, eq=False)
class Encoder:
    """Raw observations -> codec -> representation -> latents, in eval mode and full precision.

    What a dataset's action holds is never read.
    """

    model: Representation
    config: RepresentationConfig
    codec: Codec
    view: View
    vocabulary: Vocabulary
    history: int = 1

    def __post_init__(self) -> None:
        self.model.eval()

    @property
    def latent_size(self) -> int:
        """Components of a latent (Z)."""
        return self.model.latent_size

    def encode(
        self, observations: Sequence[Observation], instructions: Sequence[str] | None = None
    ) -> Floats:
        """(N, Z) latents of independent raw observations, each with its instruction, if any."""
        if self.history > 1:
            raise InputError(f"is {self.history}: single observations are not enough",
                             field="history")  # fmt: skip
        told = instructions or [""] * len(observations)
        vectors = {n: np.stack([o[n] for o in observations]) for n in self.codec.spec.vectors}
        batch: dict[str, NDArray[Any]] = {
            "proprioception": self.codec.encode_observation(vectors),
            "prompt": np.stack([self.vocabulary.encode(text) for text in told]),
        }
        if self.view.cameras:
            batch["image"] = np.stack([self.view.of(o) for o in observations])
        return _encoded(self.model, self._tensors(batch))

    def batches(self, dataset: Dataset, episodes: str | Sequence[int]) -> Batches:
        """The samples of a split, or of episodes, as the model learned from them: every step, in
        order."""
        config = BatchConfig(view=self.view, history=self.history, later=self.config.later,
                             keyframes=self.config.keyframes, actions=False)  # fmt: skip
        return Batches(dataset, episodes, self.codec, self.vocabulary, config)

    def tensors(self, batches: Batches, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """The batch of samples `rows` on the model's device, e.g. for `model.reconstruct`."""
        return self._tensors(batches.gather(rows))

    def encode_steps(
        self,
        dataset: Dataset,
        episodes: str | Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> Floats:
        """(N, Z) latents of every step of a split, of episodes, or of the whole dataset."""
        chosen = range(len(dataset.episodes)) if episodes is None else episodes
        return encode_all(self.model, self.batches(dataset, chosen), progress)

    def latents(self, dataset: Dataset, progress: Progress | None = None) -> Floats:
        """(N, Z) latents of every step of the dataset, encoded once and kept in its cache folder:
        see `cached_latents`."""
        every = self.batches(dataset, range(len(dataset.episodes)))
        return cached_latents(self.model, every, self.codec, self.vocabulary, progress)

    def _tensors(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        place = next(self.model.parameters()).device
        return {name: torch.from_numpy(array).to(place) for name, array in batch.items()}

    def save_pretrained(self, path: Path | str) -> None:
        """Write the model folder, whole or not at all; an older one there is replaced."""
        description = Description(
            schema=SCHEMA, kind="representation", model=config_name(self.config),
            config=to_plain(self.config), view=self.view, vocabulary=self.vocabulary, chunk=1,
            history=self.history, options=ActingOptions(), versions=versions(),
        )  # fmt: skip
        write_model(Path(path), description, self.codec, self.model)

    @classmethod
    def from_pretrained(cls, path: Path | str, *, device: str = "cpu") -> Encoder:
        """Load a model folder, or the run folder around it; every file's SHA-256 is checked."""
        found = read_model(path)
        saved, model, config = found.description, found.model, found.config
        if not isinstance(model, Representation) or not isinstance(config, RepresentationConfig):
            raise InputError(f"'{saved.model}' is no representation, it has no latents",
                             path=found.folder)  # fmt: skip
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(model=model, config=config, codec=found.codec, view=saved.view,
                   vocabulary=saved.vocabulary, history=saved.history)  # fmt: skip


def encode_all(model: Representation, batches: Batches, progress: Progress | None = None) -> Floats:
    """(N, Z) latents of all samples in order."""
    place = next(model.parameters()).device
    out = np.empty((len(batches), model.latent_size), np.float32)
    for start in range(0, len(batches), BATCH):
        rows = np.arange(start, min(start + BATCH, len(batches)), dtype=np.int64)
        batch = {n: torch.from_numpy(a).to(place) for n, a in batches.gather(rows).items()}
        out[rows] = _encoded(model, batch)
        if progress is not None:
            progress(int(rows[-1]) + 1, len(batches))
    return out


def cached_latents(
    model: Representation,
    batches: Batches,
    codec: Codec,
    vocabulary: Vocabulary,
    progress: Progress | None = None,
) -> Floats:
    """(N, Z) latents of every step of the dataset behind `batches`, computed on the first call.

    They are kept in the dataset's cache folder under all that they depend on: the weights, what the
    model is shown and how it is scaled.
    """
    dataset = batches.dataset
    shown = BatchConfig(view=batches.config.view, history=batches.config.history, actions=False)
    origin = {
        "weights": state_hash(model),
        "shown": to_plain(shown),
        "codec": codec.to_json()["proprioception"],
        "vocabulary": to_plain(vocabulary),
    }

    def compute() -> Floats:
        every = Batches(dataset, range(len(dataset.episodes)), codec, vocabulary, shown)
        was = model.training
        model.eval()
        try:
            return encode_all(model, every, progress)
        finally:
            model.train(was)

    return step_array(dataset, origin, compute)


def _encoded(model: Representation, batch: Mapping[str, Tensor]) -> Floats:
    """(B, Z), with the randomness and the precision of training left out."""
    with torch.inference_mode(), exact(next(model.parameters()).device):
        latent: Floats = model.encode(batch).float().cpu().numpy()
    return latent
