"""Looking where the instruction says: a word encoder, and attention over an image's places.

Shape letters: B batch, L words, E embedding, C channels, H W places, N glimpses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.language import PAD
from bydemo.nets.binned import two_hot


class PromptEncoder(nn.Module):
    """Word indices (B, L) -> (B, E): a small layer on each word and its place, then their sum.

    Order matters ("place the black bowl in the gray bowl"), so the layer sees the place; a sum
    over words starts from a strong signal, where a recurrent unit's state is small at first.
    """

    def __init__(self, vocabulary: int, length: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.places = nn.Embedding(length, width)
        self.mix = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, prompt: Tensor) -> Tensor:
        """(B, L) int64 -> (B, E); padding words add nothing."""
        places = self.places.weight[: prompt.shape[1]]
        each = self.mix(self.words(prompt) + places) * (prompt != PAD)[..., None]
        return functional.layer_norm(each.sum(dim=1), each.shape[-1:])


class PromptedMap(nn.Module):
    """A map over the places of a picture: the product of its features with a query, so that the
    words choose what lights up (as in Shridhar et al., 2021, for language and heatmaps).
    """

    def __init__(self, channels: int, query: int) -> None:
        super().__init__()
        self.keys = nn.Conv2d(channels, channels, 1)
        self.query = nn.Sequential(
            nn.Linear(query, channels), nn.ReLU(), nn.Linear(channels, channels)
        )
        # Keys and queries of about unit size then give logits that already prefer some places:
        # from a uniform softmax over hundreds of places hardly any gradient comes.
        self.sharpness = nn.Parameter(torch.tensor(4.0))

    def forward(self, features: Tensor, query: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) -> log weights (B, H, W) that sum to 1, float32.

        In float32 whatever the autocast: bfloat16's 8 bits are too few for hundreds of places.
        """
        batch, _, height, width = features.shape
        steer, keys = self.query(query), self.keys(features).flatten(2)
        with torch.autocast(features.device.type, enabled=False):
            steer = functional.normalize(steer.float(), dim=-1)
            logits = (steer[:, None] @ keys.float())[:, 0] * self.sharpness
            return torch.log_softmax(logits, dim=-1).view(batch, height, width)


def landing(log_weights: Tensor) -> Tensor:
    """(B, H, W) -> (B, 3): the mean place, x and y in [-1, 1] (spatial soft-argmax, Finn et al.,
    2016), and the largest weight, which says how sure the map is."""
    height, width = log_weights.shape[1:]
    weights = log_weights.exp()
    x = torch.linspace(-1, 1, width, device=weights.device)
    y = torch.linspace(-1, 1, height, device=weights.device)
    mean = [weights.sum(1) @ x, weights.sum(2) @ y]
    return torch.stack([*mean, weights.flatten(1).amax(1)], dim=-1)


def place_loss(log_weights: Tensor, place: Tensor) -> Tensor:
    """Cross entropy [nats] of a map (B, H, W) against a true place (B, 2) in [-1, 1] -> (B,).

    The four cells around the place share its weight, so that their mean is the place itself.
    """
    height, width = log_weights.shape[1:]
    x = two_hot(place[:, 0], width, 1.0)
    y = two_hot(place[:, 1], height, 1.0)
    return -torch.einsum("bhw,bh,bw->b", log_weights, y, x)
