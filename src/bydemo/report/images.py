"""Pictures and clips inside the page itself, as data URIs: nothing is fetched, ever."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from bydemo.core.errors import InputError
from bydemo.report.svg import element


def data_uri(content: bytes, kind: str) -> str:
    """`content` as a `data:` address of the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture(image: NDArray[Any], *, quality: int = 82) -> str:
    """(H, W, 3) or (H, W, 1) or (H, W) uint8 as a JPEG data URI."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise InputError(f"a picture is uint8 (H, W[, C]), not {image.dtype} {image.shape}")
    flat = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, "JPEG", quality=quality)
    return data_uri(buffer.getvalue(), "image/jpeg")


def image_strip(
    images: Sequence[NDArray[Any]], captions: Sequence[str] = (), *, title: str = ""
) -> Markup:
    """Pictures in a row that scrolls inside its own box, each with a short caption below."""
    cells = []
    for number, image in enumerate(images):
        said = captions[number] if number < len(captions) else ""
        cells.append(
            element(
                "figure",
                Markup('<img alt="{}" src="{}" width="{}" height="{}">').format(
                    said or f"{title} {number + 1}", picture(image), image.shape[1], image.shape[0]
                ),
                element("figcaption", said) if said else Markup(""),
            )
        )
    head = element("figcaption", title) if title else Markup("")
    return element("figure", head, element("div", *cells, class_="strip"), class_="strip-box")


def clip(path: Path, caption: str, *, outcome: str = "") -> Markup:
    """An H.264 file as a muted, looping video with controls; `outcome` is success or failure.

    Raises InputError naming the file if it is missing or no MP4.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the clip cannot be read: {error.strerror}", path=path) from error
    if content[4:8] != b"ftyp":
        raise InputError("the clip is not an MP4 file", path=path)
    video = Markup(
        '<video muted loop controls playsinline preload="auto" src="{}"></video>'
    ).format(data_uri(content, "video/mp4"))
    style = f"clip {outcome}" if outcome in ("success", "failure") else "clip"
    return element("figure", video, element("figcaption", caption), class_=style)
