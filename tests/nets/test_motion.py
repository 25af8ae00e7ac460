"""Motion is told from a few steps: the present, its change, and how that changes."""

from __future__ import annotations

import torch

from bydemo.nets.motion import LARGEST, Motion


def walk(samples: int = 64, steps: int = 4, width: int = 2) -> torch.Tensor:
    """(B, T*P) places of a random walk."""
    generator = torch.Generator().manual_seed(0)
    moved = torch.randn(samples, steps, width, generator=generator) * torch.tensor([0.01, 0.1])
    return moved.cumsum(dim=1).flatten(1)


def test_present_then_changes_then_changes_of_changes() -> None:
    motion, places = Motion(2, 4), walk()
    found = motion(places)
    p = places.view(-1, 4, 2)
    raw = torch.cat([
        p[:, 3] - p[:, 2],
        p[:, 3] - 2 * p[:, 2] + p[:, 1],
        p[:, 2] - 2 * p[:, 1] + p[:, 0],
    ], dim=1)  # fmt: skip
    torch.testing.assert_close(found[:, :2], p[:, 3])
    expected = raw / raw.square().mean(0).sqrt()
    torch.testing.assert_close(found[:, 2:], expected, rtol=1e-3, atol=1e-3)


def test_the_scale_is_that_of_all_samples_seen_however_they_were_batched() -> None:
    whole, parts, places = Motion(2, 4), Motion(2, 4), walk()
    whole(places)
    for part in places.split([10, 30, 24]):
        parts(part)
    torch.testing.assert_close(parts.square, whole.square)
    assert parts.count == 64


def test_acting_changes_nothing_and_samples_do_not_mix() -> None:
    motion, places = Motion(2, 4), walk()
    motion(places)
    motion.eval()
    before = motion.square.clone()
    together = motion(places[:5] * 3)
    assert torch.equal(motion.square, before)
    for row in range(5):
        assert torch.equal(motion(places[row : row + 1] * 3)[0], together[row])


def test_a_jump_is_cut_off() -> None:
    motion, places = Motion(2, 4), walk()
    motion(places)
    motion.eval()
    jumped = places[:1].clone()
    jumped[0, :2] = 1000.0
    assert motion(jumped)[:, 2:].abs().max() == LARGEST


def test_one_step_is_the_present_alone() -> None:
    places = walk(steps=1)
    assert torch.equal(Motion(2, 1)(places), places)
