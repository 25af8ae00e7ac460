"""The demonstrator of Pusher: a small network of ours that was trained by trial and error.

A tanh network 26-128-128-7 on the 23 observed numbers and (fingertip - object). Trained with PPO
on 128 copies of the environment (MuJoCo 3.17, discount .995, learning rate 4e-4 then 3e-4, noise
of the actions falling from .35 to .08, then from .25 to .05; 43 minutes on one core). Gymnasium's
Pusher-v5, seeds 0-49: return -22.38, and 47 of 50 episodes end with the object at the goal.
`scripts/train_pusher_expert.py` trains another of its kind.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import ExpertError
from bydemo.core.gymnasium_spec import OBSERVATION
from bydemo.core.pusher import OBSERVATION as FIELD
from bydemo.core.pusher import TORQUE_LIMIT

_WEIGHTS = Path(__file__).parent / "weights" / "pusher_expert.safetensors"
_MOST = 8.0
"""Standardised inputs are clipped to this, as in training."""
_TORQUES = 7
_DTYPES = {"F32": "<f4", "F64": "<f8"}
_LAYOUT = {
    "weight_0": (26, 128), "bias_0": (128,), "weight_1": (128, 128), "bias_1": (128,),
    "weight_2": (128, 7), "bias_2": (7,), "observation_mean": (26,), "observation_std": (26,),
    "log_std": (7,),
}  # fmt: skip
"""Shapes of the tensors in a file of weights."""


def inputs(observation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, 26) what the network looks at, before standardising, for (k, 23)."""
    parts = FIELD.slices()
    reach = observation[:, parts["fingertip"]] - observation[:, parts["object"]]
    return np.concatenate([observation, reach], axis=1)


def standardised(
    seen: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(k, 26) as the network takes it, for (k, 26) from `inputs`."""
    within: NDArray[np.float64] = np.clip((seen - mean) / std, -_MOST, _MOST)
    return within.astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """`layers`: weight (inputs, outputs) and bias (outputs,) float32 of each; `log_std` (7,): noise
    that it was trained with at the end [log N m]; mean and std (26,) of its inputs."""

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    log_std: NDArray[np.float32]

    def torques(self, observation: NDArray[np.float64]) -> NDArray[np.float32]:
        """(k, 7) [N m], before any clipping, for (k, 23).

        A row does not depend on the others to the last bit: each goes through the network as a
        vector of its own, while the sums of one matrix product depend on how many rows it has.
        """
        rows = standardised(inputs(observation), self.mean, self.std)[:, None, :]
        *hidden, last = self.layers
        for weight, bias in hidden:
            rows = np.tanh(np.matmul(rows, weight) + bias)
        out: NDArray[np.float32] = (np.matmul(rows, last[0]) + last[1])[:, 0]
        return out


def network(weights: str = "") -> Network:
    """The network with the weights of a file; without one the shipped weights, read once."""
    return _read(Path(weights)) if weights else _shipped()


@functools.cache
def _shipped() -> Network:
    return _read(_WEIGHTS)


def _read(path: Path) -> Network:
    try:
        stored = _tensors(path.read_bytes())
    except OSError as error:
        raise ExpertError(f"cannot be read: {error.strerror}", path=path) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExpertError("is no whole safetensors file of float32 or float64 numbers",
                         path=path) from error  # fmt: skip
    for name, shape in _LAYOUT.items():
        if name not in stored:
            raise ExpertError(f"is missing; expected {', '.join(_LAYOUT)}", path=path, field=name)
        if stored[name].shape != shape:
            raise ExpertError(f"has shape {stored[name].shape}, expected {shape}", path=path,
                             field=name)  # fmt: skip
        if not np.isfinite(stored[name]).all():
            raise ExpertError("holds numbers that are not finite", path=path, field=name)
    if not (stored["observation_std"] > 0).all():
        raise ExpertError("must be above 0", path=path, field="observation_std")
    single = {name: array.astype(np.float32) for name, array in stored.items()}
    return Network(
        layers=tuple((single[f"weight_{i}"], single[f"bias_{i}"]) for i in range(3)),
        mean=stored["observation_mean"], std=stored["observation_std"], log_std=single["log_std"],
    )  # fmt: skip


def _tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """What a safetensors file holds: the header's length (8 bytes), a JSON header, the numbers.
    The format's own library belongs to the floors that know torch.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        first, end = (start + offset for offset in about["data_offsets"])
        array = np.frombuffer(content[first:end], _DTYPES[about["dtype"]])
        found[name] = array.reshape(about["shape"])
    return found


class Dice:
    """The noise of one stochastic expert: the same for the same generator and episode seed."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._seed = int(rng.integers(2**31))
        self.begin(0)

    def begin(self, seed: int) -> None:
        """Begin an episode."""
        self._rng = np.random.default_rng((self._seed, seed))

    def throw(self) -> NDArray[np.float64]:
        """(7,) standard normal."""
        return self._rng.standard_normal(_TORQUES)


class PusherExperts:
    """Acts in many copies at once; without `dice` it is the deterministic expert."""

    def __init__(self, dice: Sequence[Dice] = (), *, weights: str = "") -> None:
        self._network, self._dice = network(weights), list(dice)
        self._std = np.exp(self._network.log_std)

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(k, 7) [N m] within the limits."""
        torques = self._network.torques(observations[OBSERVATION])
        if self._dice:
            noise = np.stack([dice.throw() for dice in self._dice])
            torques = (torques + self._std * noise).astype(np.float32)
        within: NDArray[np.float32] = torques.clip(-TORQUE_LIMIT, TORQUE_LIMIT)
        return within


class PusherExpert:
    """Acts in one environment; `stochastic` adds the noise that it was trained with."""

    def __init__(
        self, rng: np.random.Generator, *, stochastic: bool = False, weights: str = ""
    ) -> None:
        self._dice = Dice(rng) if stochastic else None
        dice = [] if self._dice is None else [self._dice]
        self._experts = PusherExperts(dice, weights=weights)

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode: new noise."""
        if self._dice is not None:
            self._dice.begin(seed)

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(7,) [N m] within the limits."""
        torques: NDArray[np.float32] = self._experts.act(
            {OBSERVATION: observation[OBSERVATION][None]}
        )[0]
        return torques
