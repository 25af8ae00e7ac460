"""Looking where the instruction says: a word encoder, and attention over an image's places.

Shape letters: B batch, L words, E embedding, C channels, H W places, N glimpses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PromptEncoder(nn.Module):
    """Word indices (B, L) -> (B, E): word embeddings read in order by a gated recurrent unit.

    Order matters ("place the black bowl in the gray bowl"), and instructions are a handful of
    words long, so a recurrent unit of 64 is enough and costs nothing.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.reader = nn.GRU(width, width, batch_first=True)

    def forward(self, prompt: Tensor) -> Tensor:
        """(B, L) int64 -> (B, E); the state after the last real word, so padding has no effect."""
        states, _ = self.reader(self.words(prompt))
        last = (prompt != 0).sum(dim=1).clamp(min=1) - 1
        return torch.gather(states, 1, last[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]


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
        self.scale = channels**-0.5

    def forward(self, features: Tensor, query: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) -> (B, N * 2): x and y in [-1, 1] of each glimpse."""
        batch, channels, height, width = features.shape
        steer = self.queries(query).view(batch, self.glimpses, channels)
        keys = self.keys(features).flatten(2)
        # Coordinates need more than bfloat16's 8 bits: a softmax over 784 places in float32.
        with torch.autocast(features.device.type, enabled=False):
            weights = torch.softmax(steer.float() @ keys.float() * self.scale, dim=-1)
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
