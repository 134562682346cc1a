"""A summary as a page of Markdown (GitHub Flavored Markdown, with diagrams by Mermaid). What comes from Azure or from a file is
never markup in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dpsops.cli.summary import Cell, Diagram, Listing, Name, Node, Paragraph, Summary, Table
from dpsops.cli.told import Told

_MARKUP = {ord(each): f"&#{ord(each)};" for each in "&<>|\\`*_~[]{}#@$!:\"'^="}
"""Each may begin markup, a link, a mention, an emoji or a formula. The reference of a character never does (GFM, 2.5)."""

_RESERVED = 200
"""Bytes that are kept for the sentence about what was left out."""

_PLAIN = re.compile(r"[^A-Za-z0-9 ,./()=-]")
_LIST = re.compile(r"[0-9]+[.)]|[-+ ]")
_HERE, _WRONG = "here fill:#0969da,stroke:#0969da,color:#ffffff", "wrong fill:#cf222e,stroke:#cf222e,color:#ffffff"


def page(title: str, told: Told, limit: int) -> str:
    """The page of an invocation: what has failed, what came of it, what to know, and the rest, in at most `limit` bytes. What is
    left out is said; if not even the title fits, the page is empty."""
    written = _Page(limit)
    for block in _parts(title, told):
        if isinstance(block, Table):
            written.table(block)
        else:
            written.add(block)
    return written.text()


def _parts(title: str, told: Told) -> Iterator[str | Table]:
    """The page in parts. Each but a table fits as a whole, or is left out."""
    summaries = told.summaries
    warnings = [each for summary in summaries for each in summary.warnings]
    wrong = told.failure is not None or any(summary.errors for summary in summaries)
    yield f"## {'❌' if wrong else '⚠️' if warnings else '✅'} {escaped(title)}"
    if told.failure is not None:
        message, hint = told.failure
        yield f"**Error:** {escaped(message)}"
        if hint:
            yield f"**What to do:** {escaped(hint)}"
    yield from (_sentence(summary.lead) for summary in summaries if summary.lead)
    if warnings:
        yield "\n".join(f"- ⚠️ {escaped(each)}" for each in warnings)
    for summary in summaries:
        yield from _blocks(summary)


def _blocks(summary: Summary) -> Iterator[str | Table]:
    for block in summary.blocks:
        match block:
            case Table():
                if block.rows:
                    yield block
            case _:
                yield _rendered(block)


def _rendered(block: Paragraph | Diagram | Listing) -> str:
    match block:
        case Paragraph():
            return _sentence(block.text)
        case Listing():
            text = "\n".join(map(_verbatim, block.text.rstrip("\n").splitlines()))
            return f"<pre>{text}</pre>".join(_fold(block.title))
        case Diagram():
            return "\n".join(["```mermaid", *mermaid(block), "```"])


class _Page:
    """Parts, one after the other, as long as they fit."""

    def __init__(self, limit: int) -> None:
        self._room = limit - _RESERVED
        self._parts: list[str] = []
        self._left_out = 0

    def add(self, part: str) -> bool:
        """Adds a part if it fits."""
        size = len(part.encode()) + 2
        fits = size <= self._room
        if fits:
            self._room -= size
            self._parts.append(part)
        else:
            self._left_out += 1
        return fits

    def table(self, table: Table) -> None:
        """Adds a table with as many of its rows as fit, and says how many are left out."""
        begin, end = _fold(table.folded)
        lines = list(_header(table))
        room = self._room - _RESERVED - sum(len(line.encode()) + 1 for line in (begin, end, *lines))
        for row in map(_row, table.rows):
            room -= len(row.encode()) + 1
            if room < 0:
                break
            lines.append(row)
        shown = len(lines) - 2
        if not shown:
            self._left_out += 1
            return
        self.add(begin + "\n".join(lines) + end)
        if more := table.left_out + len(table.rows) - shown:
            self.add(f"And {more:,} more{f': {escaped(table.more)}' if table.more else ''}")

    def text(self) -> str:
        """All that fitted, and how much did not."""
        if not self._parts:
            return ""
        if self._left_out:
            some = "one part is" if self._left_out == 1 else f"{self._left_out} parts are"
            self._parts.append(f"⚠️ {some} left out: GitHub shows no more than 1 MiB of a step.")
        return "\n\n".join(self._parts) + "\n"


def _fold(title: str) -> tuple[str, str]:
    """What hides a part below its title: at its begin, and at its end."""
    return (f"<details><summary>{escaped(title)}</summary>\n\n", "\n\n</details>") if title else ("", "")


def _header(table: Table) -> Sequence[str]:
    return (f"| {' | '.join(escaped(each) or ' ' for each in table.header)} |", f"|{'---|' * len(table.header)}")


def _row(cells: Sequence[Cell]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return f"<code>{escaped(cell.text)}</code>" if cell.text else ""
    return escaped(cell)


def escaped(text: str) -> str:
    """A text in which nothing is markup, in one line of Markdown. What nobody would see, or what would turn the direction of the
    text, is written as Python escapes it."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    return "<br>".join(_visible(line).translate(_MARKUP) for line in lines)


def _verbatim(line: str) -> str:
    return _visible(line).translate(_MARKUP) or " "  # an empty line would end the block of HTML


def _visible(line: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _sentence(text: str) -> str:
    """A text at the beginning of a line, where a number, `-`, `+` or a space may begin a list or code."""
    safe = escaped(text)
    return f"&#{ord(safe[0])};{safe[1:]}" if _LIST.match(safe) else safe


def mermaid(diagram: Diagram) -> Iterator[str]:
    """A diagram in Mermaid's language, in which a text is in quotation marks and `#35;` stands for a character."""
    yield "flowchart LR"
    for number, node in enumerate(diagram.nodes):
        yield f'  n{number}["{_label(node)}"]'
    for begin, end, what in diagram.arrows:
        yield f'  n{begin} -->|"{_plain(what)}"| n{end}' if what else f"  n{begin} --> n{end}"
    for look, marked in (
        (_HERE, [number for number, node in enumerate(diagram.nodes) if node.is_here]),
        (_WRONG, [number for number, node in enumerate(diagram.nodes) if node.is_wrong]),
    ):
        if marked:
            yield f"  classDef {look}"
            yield f"  class {','.join(f'n{number}' for number in marked)} {look.partition(' ')[0]}"


def _label(node: Node) -> str:
    return "<br/>".join(map(_plain, node.lines))


def _plain(text: str) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", _visible(text))
