"""What a history of proprioception tells: where the robot is, how it moves, how that changes.

Shape letters: B batch, T steps, P components of one step's proprioception.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LARGEST = 5.0
"""Differences beyond so many root mean squares are cut off: real motion rarely goes there, but a
stale first reading does, and one of them outweighs thousands of ordinary steps."""


class Motion(nn.Module):
    """(B, T*P) the last steps' proprioception, oldest first -> (B, T*P) the present, its change
    from the step before, and the changes of that change, newest first.

    Differences are hundreds of times smaller than positions, so a network that is given positions
    alone learns them late. Each is divided by its root mean square over all training samples so
    far, which makes it the same in training and in acting (batch statistics would not be).
    """

    square: Tensor
    count: Tensor

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.width, self.steps = width, steps
        self.register_buffer("square", torch.zeros(width * (steps - 1)))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, history: Tensor) -> Tensor:
        """In float32 whatever the precision around it: differences need the digits."""
        places = history.float().view(len(history), self.steps, self.width)
        speeds = places.diff(dim=1)
        changes = speeds.diff(dim=1).flip(1).flatten(1)
        moved = torch.cat([speeds[:, -1:].flatten(1), changes], dim=1)
        if self.training:
            self._take_in(moved)
        moved = moved / (self.square + 1e-8).sqrt()
        return torch.cat([places[:, -1], moved.clamp(-LARGEST, LARGEST)], dim=1)

    @torch.no_grad()
    def _take_in(self, moved: Tensor) -> None:
        self.count += len(moved)
        self.square += (moved.square().sum(0) - len(moved) * self.square) / self.count
