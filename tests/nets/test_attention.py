"""The maps light up where the query asks, and padding words change nothing."""

from __future__ import annotations

import torch

from bydemo.nets.attention import PromptedMap, PromptEncoder, landing, place_loss


def test_padding_has_no_effect() -> None:
    encoder = PromptEncoder(10, 5, 8).eval()
    short = encoder(torch.tensor([[2, 3, 4]]))
    padded = encoder(torch.tensor([[2, 3, 4, 0, 0]]))
    torch.testing.assert_close(short, padded)


def test_word_order_matters() -> None:
    torch.manual_seed(0)
    encoder = PromptEncoder(10, 2, 8).eval()
    assert not torch.allclose(encoder(torch.tensor([[2, 3]])), encoder(torch.tensor([[3, 2]])))


def test_the_query_chooses_what_lights_up() -> None:
    """Two lit places, one in each of two channels; each query finds its own."""
    lit = PromptedMap(channels=2, query=2)
    with torch.no_grad():
        lit.keys.weight.copy_(torch.eye(2)[:, :, None, None])
        lit.keys.bias.zero_()
        for layer in (lit.query[0], lit.query[2]):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
        lit.sharpness.fill_(30.0)
    features = torch.zeros(2, 2, 9, 9)
    features[:, 0, 0, 8] = 1.0
    features[:, 1, 8, 4] = 1.0
    found = landing(lit(features, torch.eye(2)))
    expected = torch.tensor([[1.0, -1.0, 1.0], [0.0, 1.0, 1.0]])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_a_map_at_the_place_has_the_least_loss_and_lands_there() -> None:
    place = torch.tensor([[0.3, -0.55]])
    logits = torch.zeros(1, 8, 12, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimiser.zero_grad()
        place_loss(torch.log_softmax(logits.flatten(1), 1).view(1, 8, 12), place).sum().backward()
        optimiser.step()
    found = landing(torch.log_softmax(logits.detach().flatten(1), 1).view(1, 8, 12))
    torch.testing.assert_close(found[:, :2], place, atol=0.02, rtol=0)
