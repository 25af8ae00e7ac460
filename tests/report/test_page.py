import numpy as np
import pytest
from markupsafe import Markup

from bydemo.core.errors import InputError
from bydemo.report.images import clip, image_strip, picture
from bydemo.report.page import (
    Section,
    Tile,
    code_block,
    folded,
    key_values,
    render_page,
    table,
    write_page,
)

HOSTILE = "<img src=x onerror=alert(1)>"


def test_nothing_of_the_users_becomes_markup():
    html = render_page(
        title=HOSTILE, subtitle=HOSTILE, verdict=[HOSTILE], footer=HOSTILE,
        tiles=[Tile(name=HOSTILE, value=HOSTILE, note=HOSTILE)],
        sections=[
            Section(title=HOSTILE, lead=HOSTILE, body=Markup("").join([
                table([HOSTILE], [[HOSTILE]], caption=HOSTILE), key_values([(HOSTILE, HOSTILE)]),
                code_block(HOSTILE), folded(HOSTILE, Markup("")),
            ])),
            Section(title="second", body=Markup("")),
        ],
    )  # fmt: skip
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 12


def test_the_page_forbids_itself_every_request():
    html = render_page(title="t", sections=[])
    assert "default-src 'none'" in html
    assert "http://" not in html
    assert "https://" not in html


def test_sections_have_addresses_that_the_contents_point_to():
    sections = [
        Section(title="Offline, test split", body=Markup("")),
        Section(title="B", body=Markup("")),
    ]
    html = render_page(title="t", sections=sections)
    assert 'id="offline--test-split"' in html
    assert 'href="#offline--test-split"' in html


def test_a_table_scrolls_in_its_own_box_and_can_be_reached_by_keyboard():
    assert str(table(["a"], [["1"]])).startswith('<div class="table-box" tabindex="0"')


def test_the_page_is_written_whole_over_an_older_one(tmp_path):
    path = tmp_path / "deep" / "report.html"
    write_page(path, "old")
    write_page(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("shape", [(4, 6, 3), (4, 6, 1), (4, 6)])
def test_pictures_are_data_addresses(shape):
    assert picture(np.zeros(shape, np.uint8)).startswith("data:image/jpeg;base64,")


def test_a_float_picture_is_refused():
    with pytest.raises(InputError, match=r"a picture is uint8 \(H, W\[, C\]\), not float64"):
        picture(np.zeros((4, 4, 3)))


def test_a_strip_has_a_caption_for_each_picture():
    strip = str(image_strip([np.zeros((4, 4, 3), np.uint8)] * 2, ["0.0 s", "<b>"], title="front"))
    assert strip.count("<img") == 2
    assert "&lt;b&gt;" in strip


def test_a_clip_that_is_missing_or_no_mp4_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.mp4: the clip cannot be read"):
        clip(tmp_path / "gone.mp4", "x")
    (tmp_path / "bad.mp4").write_bytes(b"not a video at all")
    with pytest.raises(InputError, match=r"bad\.mp4: the clip is not an MP4 file"):
        clip(tmp_path / "bad.mp4", "x")
