"""Markdown: tables, and the anchors of headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

BEGIN = "<!-- Written by make reference from the code. Change it there. -->"


def page(title: str, *parts: str) -> str:
    """A page of a title and its parts."""
    return "\n\n".join([BEGIN, f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. A bar in a cell is escaped, also in code: GitHub takes it for the end of the cell."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """A text as code; nothing for an empty one."""
    return f"`{text}`" if text else ""


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
