"""Looking where the instruction says: a word encoder, and attention over an image's places.

Shape letters: B batch, L words, E embedding, C channels, H W places, N glimpses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.language import PAD


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


class SpatialAttention(nn.Module):
    """N glimpses at a feature map, each steered by a query: where in the picture they landed.

    Like spatial soft-argmax (Finn et al., 2016), but the map of each keypoint is the product of
    the features with a query made from the instruction, so the words choose the object. Only
    coordinates come out: what a scene looked like cannot be memorised through so narrow a door.
    """

    def __init__(self, channels: int, query: int, glimpses: int) -> None:
        super().__init__()
        self.glimpses = glimpses
        self.keys = nn.Conv2d(channels, channels, 1)
        self.queries = nn.Linear(query, glimpses * channels)
        # Keys and queries of about unit size then give logits that already prefer some places:
        # from a uniform softmax over hundreds of places hardly any gradient comes.
        self.sharpness = nn.Parameter(torch.tensor(4.0))

    def forward(self, features: Tensor, query: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) -> (B, N * 2): x and y in [-1, 1] of each glimpse."""
        batch, channels, height, width = features.shape
        steer = self.queries(query).view(batch, self.glimpses, channels)
        keys = self.keys(features).flatten(2)
        # Coordinates need more than bfloat16's 8 bits: a softmax over 784 places in float32.
        with torch.autocast(features.device.type, enabled=False):
            steer = functional.normalize(steer.float(), dim=-1)
            keys = functional.layer_norm(keys.float().transpose(1, 2), (channels,)).transpose(1, 2)
            weights = torch.softmax(steer @ keys * self.sharpness, dim=-1)
            where: Tensor = weights @ _grid(height, width, features.device)
            return where.flatten(1)


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """(H * W, 2): x then y of each place, -1 at the first and 1 at the last column or row."""
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=device),
        torch.linspace(-1, 1, width, device=device),
        indexing="ij",
    )
    return torch.stack([x, y], dim=-1).flatten(0, 1)
