from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from tests.data.inspection.recordings import arrays, write

from bydemo.core.results import read_json
from bydemo.data.formats import jaco_play
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.evaluation.inspection import Inspection, inspect_dataset
from bydemo.report.inspection_page import inspection_page
from bydemo.report.terminal import print_inspection

SECTIONS = (
    "What to mind", "Episodes to look at", "Episodes", "What needs no learning", "Values",
    "Classes", "Movement", "Cameras", "Source",
)  # fmt: skip


@pytest.fixture(scope="module")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    made = [arrays(seed, 30) for seed in range(6)]
    made[0]["instruction"] = "<script>alert(1)</script>"
    made[1]["top"][5] = made[1]["top"][4]
    dataset = write(tmp_path_factory.mktemp("data") / "toy", made, robot="a & b")
    return inspect_dataset(write_splits(dataset, make_split(dataset, "grouped")))


@pytest.fixture(scope="module")
def page(inspection: Inspection) -> str:
    return inspection_page(inspection.facts, inspection.strips)


def printed(facts: dict[str, object]) -> str:
    out = io.StringIO()
    print_inspection(facts, Console(file=out, width=160, force_terminal=False))
    return out.getvalue()


def test_every_section_is_there(page: str) -> None:
    assert re.findall(r"<h2>(.*?)</h2>", page) == list(SECTIONS)


def test_the_page_fetches_nothing_and_escapes_what_users_wrote(page: str) -> None:
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "a &amp; b" in page


def test_pictures_of_every_chosen_episode_are_inside(inspection: Inspection, page: str) -> None:
    assert page.count("data:image/jpeg;base64,") == sum(len(s.pictures) for s in inspection.strips)


def test_the_page_is_made_from_the_stored_facts_too(inspection: Inspection, tmp_path: Path) -> None:
    inspection.save(tmp_path / "inspection.json")
    page = inspection_page(read_json(tmp_path / "inspection.json"))
    assert "Episodes to look at" not in page
    assert "What needs no learning" in page


def test_findings_come_with_their_level(inspection: Inspection, page: str) -> None:
    assert inspection.facts["findings"]
    for found in inspection.facts["findings"]:
        assert found["level"] in page
    assert "equal the one before" not in page  # one stall in 180 frames is below the threshold


def test_the_terminal_shows_figures_and_findings(inspection: Inspection) -> None:
    text = printed(dict(inspection.facts))
    for words in ("6 episodes, 180 steps", "action velocity 0 [m/s]", "copy previous *",
                  "looks at the previous action", "gripper", "What to mind"):  # fmt: skip
        assert words in text


def test_jaco_data_stands_beside_the_published_figures(tmp_path: Path) -> None:
    jaco_play.example(tmp_path / "source")
    jaco_play.Config().convert(tmp_path / "source", tmp_path / "d", lambda done, total: None)
    found = inspect_dataset(Dataset.open(tmp_path / "d"))
    page = inspection_page(found.facts, found.strips)
    assert "Beside the real Jaco Play" in page
    assert "ee_position position: x and y" in page
    assert "Beside the real Jaco Play" in printed(dict(found.facts))
