"""Attention finds what the query asks for, and padding words change nothing."""

from __future__ import annotations

import torch

from bydemo.nets.attention import PromptEncoder, SpatialAttention


def test_padding_has_no_effect() -> None:
    encoder = PromptEncoder(10, 8).eval()
    short = encoder(torch.tensor([[2, 3, 4]]))
    padded = encoder(torch.tensor([[2, 3, 4, 0, 0]]))
    torch.testing.assert_close(short, padded)


def test_word_order_matters() -> None:
    torch.manual_seed(0)
    encoder = PromptEncoder(10, 8).eval()
    assert not torch.allclose(encoder(torch.tensor([[2, 3]])), encoder(torch.tensor([[3, 2]])))


def test_a_glimpse_reports_where_the_asked_feature_is() -> None:
    """Two lit places, one in each channel; the query names the channel, the answer the place."""
    attention = SpatialAttention(channels=2, query=2, glimpses=1)
    with torch.no_grad():
        attention.keys.weight.copy_(torch.eye(2)[:, :, None, None])
        attention.keys.bias.zero_()
        attention.queries.weight.copy_(torch.eye(2))
        attention.queries.bias.zero_()
    features = torch.zeros(2, 2, 9, 9)
    features[:, 0, 0, 8] = 1.0
    features[:, 1, 8, 4] = 1.0
    seen = attention(features, 200.0 * torch.eye(2))
    torch.testing.assert_close(seen[0, :2], torch.tensor([1.0, -1.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(seen[1, :2], torch.tensor([0.0, 1.0]), atol=1e-3, rtol=0)
