"""The multilayer perceptron with the arguments that courses use."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bydemo.core.errors import InputError
from bydemo.nets.fully_connected import ACTIVATIONS, FullyConnectedNetwork


def test_hidden_layers_of_one_size_and_no_output_activation() -> None:
    """23 -> 256 -> 256 -> 7, written out by hand with the same weights."""
    net = FullyConnectedNetwork(input_dim=23, output_dim=7, hid_size=256, num_layers=2)
    kinds = [type(layer) for layer in net.layers]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert sum(p.numel() for p in net.parameters()) == 24 * 256 + 257 * 256 + 257 * 7
    x = torch.randn(5, 23)
    first, second, last = (net.layers[i] for i in (0, 2, 4))
    expected = torch.relu(x @ first.weight.T + first.bias)
    expected = torch.relu(expected @ second.weight.T + second.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(net(x), expected)
    assert (net(100 * x) < 0).any()


def test_weights_are_those_of_plain_layers_built_in_order() -> None:
    torch.manual_seed(3)
    net = FullyConnectedNetwork(4, 2, 8, 1)
    torch.manual_seed(3)
    first, last = nn.Linear(4, 8), nn.Linear(8, 2)
    assert torch.equal(net.layers[0].weight, first.weight)
    assert torch.equal(net.layers[2].weight, last.weight)


def test_no_hidden_layer_is_a_linear_map() -> None:
    for net in (FullyConnectedNetwork(3, 2, 16, 0), FullyConnectedNetwork(3, 2, ())):
        assert [type(layer) for layer in net.layers] == [nn.Linear]
        assert net(torch.zeros(3)).shape == (2,)


def test_a_width_for_each_layer() -> None:
    net = FullyConnectedNetwork(3, 2, (8, 5), activation="gelu", layer_norm=True, dropout=0.5)
    kinds = [nn.Linear, nn.LayerNorm, nn.GELU, nn.Dropout]
    assert [type(layer) for layer in net.layers] == [*kinds, *kinds, nn.Linear]
    assert net.widths == (8, 5)
    assert net.layers[4].weight.shape == (5, 8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_the_one_it_is_called(activation: str) -> None:
    net = FullyConnectedNetwork(1, 1, 1, 1, activation=activation)
    x = torch.randn(9, 1)
    inner = net.layers[0](x)
    own = getattr(torch.nn.functional, activation)(inner)
    torch.testing.assert_close(net(x), net.layers[2](own))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activation": "sigmoid"}, "'activation': 'sigmoid' is none of relu, tanh, silu, gelu"),
        ({"hid_size": 0}, r"'hid_size': \[0, 0\], expected at least 1 unit a layer"),
        ({"hid_size": (3, 4), "num_layers": 3}, "'num_layers': is 3, but hid_size names 2 layers"),
    ],
)
def test_impossible_values(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FullyConnectedNetwork(2, 2, **given)
