"""Convolutions on raw pixels: the same numbers as the plain way, without its copies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bydemo.nets.vision import PixelConv2d, PooledConvolutions, channels_first


def pixels(batch: int = 2, size: int = 16, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, size, size, channels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_channels_first_is_a_channels_last_view() -> None:
    image = pixels()
    view = channels_first(image)
    assert view.shape == (2, 2, 16, 16)
    assert view.data_ptr() == image.data_ptr()
    assert view.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("padding", [0, 1])
def test_pixel_convolution_equals_scaling_first(padding: int) -> None:
    layer = PixelConv2d(2, 5, 3, padding=padding)
    plain = nn.Conv2d(2, 5, 3, padding=padding)
    plain.load_state_dict(layer.state_dict())
    image = pixels()
    expected = plain(image.permute(0, 3, 1, 2).float() / 255)
    torch.testing.assert_close(layer(image), expected, rtol=1e-5, atol=1e-6)


def test_pixel_convolution_has_the_gradients_of_scaling_first() -> None:
    layer, plain = PixelConv2d(2, 5, 3), nn.Conv2d(2, 5, 3)
    plain.load_state_dict(layer.state_dict())
    image = pixels()
    layer(image).square().sum().backward()
    plain(image.permute(0, 3, 1, 2).float() / 255).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("pixel_range", [(-1.0, 1.0), (0.0, 255.0), (-2.25, 2.5)])
def test_pixels_in_another_range(padding: int, pixel_range: tuple[float, float]) -> None:
    """The padding is 0 in that range, as if the image had been scaled first; gradients too."""
    layer = PixelConv2d(2, 5, 3, padding=padding, pixel_range=pixel_range)
    plain = nn.Conv2d(2, 5, 3, padding=padding)
    plain.load_state_dict(layer.state_dict())
    black, white = pixel_range
    scaled = black + (white - black) * pixels().permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(layer(pixels()), plain(scaled), rtol=1e-4, atol=1e-4)
    layer(pixels()).square().mean().backward()
    plain(scaled).square().mean().backward()
    for ours, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)


def test_one_bright_pixel_leaves_all_others_as_they_are() -> None:
    """Scaled by its own extremes, as a published study did, the whole image would move."""
    stack = PooledConvolutions(1, (4,), 16, (-1.0, 1.0))
    dim = pixels(1, 16, 1) // 4
    bright = dim.clone()
    bright[0, 0, 0] = 255
    before, after = (stack(image).view(8, 8, 4) for image in (dim, bright))
    assert not torch.equal(before[0, 0], after[0, 0])
    assert torch.equal(before[2:, 2:], after[2:, 2:])


def test_pixel_convolution_refuses_floats() -> None:
    """Uint8 and float images scaled alike was a mistake of the reference."""
    with pytest.raises(TypeError, match=r"uint8 until the first layer, got torch\.float32"):
        PixelConv2d(2, 5, 3)(pixels().float())


def test_pixel_values_are_exact_in_half_precision() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    for dtype in (torch.bfloat16, torch.float16):
        assert torch.equal(every.to(dtype).to(torch.uint8), every)


def test_pooled_convolutions_equal_relu_before_pooling() -> None:
    """The reference's order gives the same features up to their order in memory."""
    stack = PooledConvolutions(2, (4, 6), 16)
    x = pixels().permute(0, 3, 1, 2).float() / 255
    for layer in stack.layers:
        x = torch.max_pool2d(torch.relu(torch.conv2d(x, layer.weight, layer.bias, padding=1)), 2)
    got = stack(pixels())
    assert got.shape == (2, stack.features) == (2, 6 * 4 * 4)
    torch.testing.assert_close(got, x.permute(0, 2, 3, 1).flatten(1), rtol=1e-4, atol=1e-5)


def test_autocast_computes_in_bfloat16() -> None:
    stack = PooledConvolutions(2, (4,), 16)
    with torch.autocast("cpu", torch.bfloat16):
        half = stack(pixels())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), stack(pixels()), rtol=0.05, atol=0.02)


def test_too_few_pixels() -> None:
    with pytest.raises(ValueError, match="4 pixels are too few for 3 poolings"):
        PooledConvolutions(2, (4, 4, 4), 4)
