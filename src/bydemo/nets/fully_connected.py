"""The plain multilayer perceptron, with the arguments by which courses know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from bydemo.core.errors import InputError

Activation = Literal["relu", "tanh", "silu", "gelu"]

ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


class FullyConnectedNetwork(nn.Module):
    """(..., input_dim) -> (..., output_dim): hidden layers, and a linear one without activation.

    hid_size: units of each of the `num_layers` hidden layers, or one number a layer, which then
    says how many there are. A hidden layer is linear, layer norm if `layer_norm`, activation,
    dropout if any. Weights start as `nn.Linear` starts them.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        hid_size: int | Sequence[int] = 64,
        num_layers: int | None = None,
        *,
        activation: str = "relu",
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_dim, self.output_dim = input_dim, output_dim
        self.widths = _widths(hid_size, num_layers)
        check_activation(activation)
        layers: list[nn.Module] = []
        for before, after in pairwise((input_dim, *self.widths)):
            layers.append(nn.Linear(before, after))
            if layer_norm:
                layers.append(nn.LayerNorm(after))
            layers.append(ACTIVATIONS[activation]())
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear((input_dim, *self.widths)[-1], output_dim))

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs, unbounded."""
        outputs: Tensor = self.layers(inputs)
        return outputs


def check_activation(name: str) -> None:
    """InputError unless `name` is a key of ACTIVATIONS."""
    if name not in ACTIVATIONS:
        raise InputError(f"'{name}' is none of {', '.join(ACTIVATIONS)}", field="activation")


def _widths(hid_size: int | Sequence[int], num_layers: int | None) -> tuple[int, ...]:
    """Units of each hidden layer."""
    if isinstance(hid_size, int):
        widths = (hid_size,) * (2 if num_layers is None else num_layers)
    else:
        widths = tuple(hid_size)
        if num_layers not in (None, len(widths)):
            raise InputError(
                f"is {num_layers}, but hid_size names {len(widths)} layers", field="num_layers"
            )
    if any(width < 1 for width in widths):
        raise InputError(f"{list(widths)}, expected at least 1 unit a layer", field="hid_size")
    return widths
