"""One self-contained HTML page: headline, tiles and sections; it opens offline and stays offline.

The page forbids itself every request by its content security policy, so a chart or table that
tried to fetch something would show up as an error instead of as a leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from bydemo.core.results import write_bytes
from bydemo.report.svg import element

Cell = str | Markup


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure at the top of the page: its name, its value, and its interval or source."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Home:
    """The page above this one, and its relative address."""

    title: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A headed part of the page; `lead` says in a sentence what the reader is looking at."""

    title: str
    body: Markup
    lead: str = ""

    @property
    def anchor(self) -> str:
        """The section's address within the page."""
        return anchor(self.title)


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """Sections that belong together, under a heading of their own that `about` explains."""

    title: str
    sections: Sequence[Section]
    about: str = ""

    @property
    def anchor(self) -> str:
        """The chapter's address within the page."""
        return anchor(self.title)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What came out in a chapter, a line each, for the head of the page; `address`: the anchor
    that its title leads to, if any."""

    title: str
    lines: Sequence[Cell]
    address: str = ""


def anchor(title: str) -> str:
    """The address of what is headed by `title` within the page."""
    return "".join(c if c.isalnum() else "-" for c in title.lower()).strip("-")


def render_page(
    *,
    title: str,
    sections: Sequence[Section],
    chapters: Sequence[Chapter] = (),
    subtitle: str = "",
    verdict: Sequence[str] = (),
    findings: Sequence[Findings] = (),
    tiles: Sequence[Tile] = (),
    footer: str = "",
    home: Home | None = None,
) -> str:
    """The whole page as HTML; `verdict` holds its first paragraphs, the first one the headline, and
    `findings` follow them. Chapters stand before the other sections.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bydemo.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(name: str) -> Markup:
        # Our own packaged files, so they need no escaping; nothing of the user's goes this way.
        return Markup(environment.get_template(name).render())

    return environment.get_template("page.html").render(
        title=title,
        subtitle=subtitle,
        verdict=list(verdict),
        findings=list(findings),
        tiles=list(tiles),
        chapters=list(chapters),
        sections=list(sections),
        footer=footer,
        home=home,
        style=asset("page.css"),
        script=asset("page.js"),
    )


def write_page(path: Path, html: str) -> Path:
    """Write the page whole or not at all; StorageError names the file if it cannot be."""
    write_bytes(path, html.encode())
    return path


def row_of(*figures: Markup) -> Markup:
    """Charts side by side where there is room, one under the other where there is not."""
    return element("div", *figures, class_="row")


def table(
    columns: Sequence[Cell],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str = "",
    text_columns: int = 1,
) -> Markup:
    """A table that scrolls inside its own box; columns after `text_columns` align as figures."""

    def cells(tag: str, values: Sequence[Cell]) -> Markup:
        return Markup("").join(
            element(
                "th" if number == 0 else tag,
                value,
                class_="text" if number < text_columns else "figure",
                scope="row" if number == 0 and tag == "td" else None,
            )
            for number, value in enumerate(values)
        )

    head = element("thead", element("tr", cells("th", columns)))
    body = element("tbody", *(element("tr", cells("td", row)) for row in rows))
    named = element("caption", caption) if caption else Markup("")
    inner = element("table", named, head, body)
    # Focusable, so that a keyboard can scroll it sideways.
    return element("div", inner, class_="table-box", tabindex=0, role="region")


def key_values(pairs: Sequence[tuple[str, Cell]]) -> Markup:
    """A list of named values; pairs without a value are left out."""
    items = [
        element("div", element("dt", name), element("dd", value)) for name, value in pairs if value
    ]
    return element("dl", *items, class_="facts")


def folded(summary: str, body: Markup, *, opened: bool = False) -> Markup:
    """Content behind a line that opens it."""
    head = element("summary", summary)
    return element("details", head, body, open="" if opened else None)


def code_block(text: str) -> Markup:
    """Text to be copied as it is, in a box that scrolls on its own, with a button to copy it."""
    button = element("button", "Copy", type="button", class_="copy")
    return element("div", button, element("pre", element("code", text)), class_="code")


def paragraph(text: Cell, *, style: str = "") -> Markup:
    """A paragraph of running text."""
    return element("p", text, class_=style or None)


def heading(text: str) -> Markup:
    """A heading within a section."""
    return element("h3", text)
