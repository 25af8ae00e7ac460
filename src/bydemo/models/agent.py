"""A trained policy with everything it needs to act on raw observations: a folder that acts.

Shape letters as in `models/base.py`; A components of a raw action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.actor import Observation
from bydemo.core.codec import Codec
from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.core.results import versions
from bydemo.models.acting import ActingOptions, action_limits, choose_labels, label_probabilities
from bydemo.models.base import ModelConfig, Policy, config_name
from bydemo.models.folder import SCHEMA, Description, read_model, write_model


@dataclass(frozen=True, kw_only=True)
class RawPrediction:
    """action (B, K, A) float32 in raw units and within limits (NaN where the model
    breaks down, for the rollout to report); probabilities (B, K, S) float32,
    the label parts' one after the other, before any bias of the acting options."""

    action: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@dataclass(kw_only=True, eq=False)
class Agent:
    """An actor that asks a policy: raw observation -> codec -> model -> codec -> raw action.

    Deterministic, and one sample's action does not depend on what else is in the batch. It acts
    on the first step of each predicted chunk; `models/chunking.py` executes more of them.
    """

    model: Policy
    config: ModelConfig
    codec: Codec
    view: View
    vocabulary: Vocabulary
    options: ActingOptions = field(default_factory=ActingOptions)
    chunk: int = 1
    history: int = 1

    def __post_init__(self) -> None:
        self.model.eval()
        self._past: list[NDArray[np.float32]] = []
        self._prompt = self.vocabulary.encode("")
        self._random = np.random.default_rng(0)
        self._cameras, self._vectors = self.view.cameras, self.spec.vectors
        self._classes = [len(part.classes) for part in self.spec.action.labels]
        self._low, self._high = action_limits(self.spec)
        if self.options.label_bias and len(self.options.label_bias) != sum(self._classes):
            raise InputError(
                f"{len(self.options.label_bias)} numbers, expected {sum(self._classes)}: one a "
                "class",
                field="label_bias",
            )

    @property
    def spec(self) -> Spec:
        """The fields that the agent was trained on."""
        return self.codec.spec

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode with this prompt."""
        self._prompt = self.vocabulary.encode(instruction)
        self._random = np.random.default_rng(seed)
        self._past = []

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The action (A,) for one raw observation."""
        action: NDArray[np.float32] = self.act_chunk(observation)[0]
        return action

    def act_chunk(self, observation: Observation) -> NDArray[np.float32]:
        """The whole predicted chunk (K, A) for one raw observation."""
        self.see(observation)
        missing = self.history - len(self._past)
        past = [self._past[0]] * missing + self._past
        batch: dict[str, NDArray[Any]] = {
            "proprioception": past[0] if self.history == 1 else np.concatenate(past, axis=1),
            "prompt": self._prompt[None],
        }
        if self._cameras:
            batch["image"] = self.view.of(observation)[None]
        chunk: NDArray[np.float32] = self.predict(batch).action[0]
        return chunk

    def see(self, observation: Observation) -> None:
        """Take a step's proprioception into the history; `act_chunk` does it by itself."""
        self._check(observation)
        vectors = {n: observation[n][None] for n in self._vectors}
        self._past = [*self._past, self.codec.encode_observation(vectors)][-self.history :]

    def act_batch(
        self, observations: Sequence[Observation], instructions: Sequence[str]
    ) -> NDArray[np.float32]:
        """Actions (B, A) for independent observations, each with its own instruction."""
        if self.history > 1:
            raise InputError(f"is {self.history}: single observations are not enough",
                             field="history")  # fmt: skip
        prompts = np.stack([self.vocabulary.encode(text) for text in instructions])
        return self.predict(self.encode(observations, prompts)).action[:, 0]

    def encode(
        self, observations: Sequence[Observation], prompts: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """A batch as the model takes it, from raw observations and word indices (B, L)."""
        for observation in observations:
            self._check(observation)
        vectors = {n: np.stack([o[n] for o in observations]) for n in self._vectors}
        batch: dict[str, NDArray[Any]] = {
            "proprioception": self.codec.encode_observation(vectors),
            "prompt": prompts,
        }
        if self._cameras:
            batch["image"] = np.stack([self.view.of(o) for o in observations])
        return batch

    def predict(self, batch: Mapping[str, NDArray[Any]]) -> RawPrediction:
        """Raw actions and label probabilities for an encoded batch, e.g. one of a data loader."""
        place = next(self.model.parameters()).device
        inputs = {
            name: torch.from_numpy(np.require(batch[name], requirements="W")).to(place)
            for name in ("image", "proprioception", "prompt")
            if name in batch
        }
        with torch.inference_mode():
            prediction = self.model.predict(inputs)
            continuous = prediction.continuous.float().cpu().numpy()
            logits = prediction.logits.float().cpu().numpy()
        labels = choose_labels(logits, self._classes, self.options, self._random)
        action = self.codec.decode_action(continuous, labels)
        action[~np.isfinite(logits).all(-1)] = np.nan  # or a broken model would seem to choose
        return RawPrediction(
            action=action.clip(self._low, self._high, dtype=np.float32),
            probabilities=label_probabilities(logits, self._classes),
        )

    def _check(self, observation: Observation) -> None:
        """Refuse an observation that is not what the agent was trained on."""
        for name in (*self._cameras, *self._vectors):
            expected = self.spec.observation[name]
            if name not in observation:
                raise InputError(
                    f"missing; the agent was trained on it, and the observation has "
                    f"{sorted(observation)}",
                    field=name,
                )
            array = observation[name]
            same_kind = (array.dtype == np.uint8) == (expected.dtype == "uint8")
            if array.shape != expected.shape or not same_kind:
                raise InputError(
                    f"is {array.shape} {array.dtype}, the agent was trained on "
                    f"{expected.shape} {expected.dtype}",
                    field=name,
                )
            if expected.kind == "vector" and not np.isfinite(array).all():
                raise InputError("is not finite", field=name)

    def save_pretrained(self, path: Path | str) -> None:
        """Write the model folder, whole or not at all; an older one there is replaced."""
        description = Description(
            schema=SCHEMA,
            model=config_name(self.config),
            config=to_plain(self.config),
            view=self.view,
            vocabulary=self.vocabulary,
            chunk=self.chunk,
            history=self.history,
            options=self.options,
            versions=versions(),
        )
        write_model(Path(path), description, self.codec, self.model)

    @classmethod
    def from_pretrained(
        cls, path: Path | str, *, device: str = "cpu", deterministic: bool = True
    ) -> Agent:
        """Load a model folder, or the run folder around it; every file's SHA-256 is checked.

        `deterministic=False` samples labels whatever the saved options say.
        """
        found = read_model(path)
        saved, model = found.description, found.model
        if not isinstance(model, Policy):
            raise InputError(f"'{saved.model}' is no policy, it cannot act", path=found.folder)
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        options = saved.options if deterministic else replace(saved.options, labels="sample")
        return cls(model=model, config=found.config, codec=found.codec, view=saved.view,
                   vocabulary=saved.vocabulary, options=options, chunk=saved.chunk,
                   history=saved.history)  # fmt: skip
