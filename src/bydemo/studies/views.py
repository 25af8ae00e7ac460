"""Which pictures of a dataset a policy is given."""

from __future__ import annotations

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.images import View


def all_cameras(spec: Spec, *, size: int, colour: bool) -> View:
    """All cameras at the largest size up to `size` that divides their height and width."""
    shapes = {spec.observation[name].shape for name in spec.cameras}
    if not shapes:
        raise InputError("the dataset has no camera; try a recipe without one", field="observation")
    fits = [n for n in range(1, size + 1) if all(h % n == w % n == 0 for h, w, _ in shapes)]
    return View(cameras=spec.cameras, size=max(fits), colour=colour)
