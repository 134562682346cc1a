"""Draws the README's picture: a terminal in which commands really run, on the embedded Azure, in a directory that is thrown away.

`make picture` writes `docs/pictures/`. The text is text: it can be searched, and a screen reader reads it.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"

STORY = (
    "dpsops up",
    "dpsops device issue press-07",
    "dpsops device register press-07",
    "dpsops status",
)
"""What the picture shows."""

_WIDTH, _LINE, _MARGIN = 118, 20, 24
_CHARACTER = 8.43
"""The width of a character of 14 pixels in most monospaced fonts."""

_STYLE = """\
:root { --back: #ffffff; --bar: #eaeef2; --text: #24292f; --prompt: #0550ae; --done: #1a7f37; --faint: #57606a }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --bar: #21262d; --text: #e6edf3; --prompt: #79c0ff; --done: #56d364; --faint: #9198a1 }
}
text { font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--text); white-space: pre }
.prompt { fill: var(--prompt); font-weight: bold } .done { fill: var(--done) } .faint { fill: var(--faint) }"""


def ran(story: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each command with the lines that it prints."""
    with tempfile.TemporaryDirectory() as directory:
        return [(command, list(_lines(_printed(command, directory)))) for command in story]


def _printed(command: str, directory: str) -> str:
    words = [sys.executable, "-m", *command.split()]
    return subprocess.run(words, cwd=directory, capture_output=True, text=True, check=True).stdout


def _lines(printed: str) -> Iterator[str]:
    """The lines as a terminal of this width shows them: a longer one ends with an ellipsis."""
    for line in printed.splitlines():
        shown = re.sub(r"(/subscriptions/[^ ]*|[0-9a-f]{32}\b)", "…", line)
        yield shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"


def drawn(shown: Sequence[tuple[str, Sequence[str]]], title: str) -> str:
    """The picture: SVG, light or dark as its reader's system is."""
    lines = [line for command, printed in shown for line in (("prompt", f"$ {command}"), *map(_classed, printed), ("", ""))][:-1]
    width, height = round(_WIDTH * _CHARACTER) + 2 * _MARGIN, (len(lines) + 2) * _LINE + 2 * _MARGIN
    out = io.StringIO()
    out.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc">\n'
    )
    out.write(f'<title id="title">{escape(title)}</title>\n')
    out.write(f'<desc id="desc">{escape(" ".join(text for _, text in lines))}</desc>\n<style>{_STYLE}</style>\n')
    out.write(f'<rect width="{width}" height="{height}" rx="10" fill="var(--back)" stroke="var(--bar)"/>\n')
    out.write(f'<path d="M0 10a10 10 0 0 1 10-10H{width - 10}a10 10 0 0 1 10 10v22H0z" fill="var(--bar)"/>\n')
    for number in range(3):
        out.write(f'<circle cx="{20 + 18 * number}" cy="16" r="5" fill="var(--faint)" opacity="0.5"/>\n')
    for number, (kind, text) in enumerate(lines):
        if text:
            where = f'x="{_MARGIN}" y="{32 + _MARGIN + number * _LINE + 12}"'
            out.write(f"<text {where}{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{escape(text)}</text>\n")
    out.write("</svg>\n")
    return out.getvalue()


def _classed(line: str) -> tuple[str, str]:
    return ("done" if line.startswith("✓") else "", line)


TITLE = "dpsops at a terminal: from nothing to a device that has registered"

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "terminal.svg").write_text(drawn(ran(STORY), TITLE), encoding="utf-8")
    print("docs/pictures/terminal.svg")
