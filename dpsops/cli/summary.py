"""What a command says at its end to somebody who looks at a run of a pipeline: a summary, as values. How it is written is decided
elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from dpsops.cli.commands import Address

_Each = TypeVar("_Each")

ROWS = 200
"""So many devices a table has at most."""


@dataclass(frozen=True, slots=True)
class Name:
    """A text that stands for itself, such as a device ID, a property or a value of JSON."""

    text: str


Cell = str | Name


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or two."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a header. `left_out`: how many more rows there are; `more`: what shows them. `folded`: the title below which it
    is hidden until somebody wants to see it; empty: it is not hidden."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int = 0
    more: str = ""
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A box of a diagram, with its lines. `is_here`: where it has got to; `is_wrong`: it is missing, or not as it must be."""

    lines: tuple[str, ...]
    is_here: bool = False
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes, and arrows between them: from, to (by their places in `nodes`), and what the arrow means."""

    nodes: tuple[Node, ...]
    arrows: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A text that is to be copied as it is, such as a certificate as PEM."""

    title: str
    text: str


Block = Paragraph | Table | Diagram | Listing


@dataclass(frozen=True, slots=True)
class Outputs:
    """What later steps of a pipeline may ask for; None or an empty text is not known.

    changed: whether the command has changed anything in Azure. pending: whether something is left to do. root_thumbprint: the
    SHA-256 of the root in use. issued: how many certificates it has issued. failed: for how many devices it has failed.
    """

    changed: bool | None = None
    pending: bool | None = None
    root_thumbprint: str = ""
    issued: int | None = None
    failed: int | None = None


UNKNOWN = Outputs()


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a command: in one sentence, then in more.

    errors: what has failed though the command went on, the first of them; errors_left_out: how many more there are.
    warnings: what somebody should know or do.
    """

    lead: str
    blocks: tuple[Block, ...] = ()
    outputs: Outputs = UNKNOWN
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    errors_left_out: int = 0

    def addressed(self, address: Address) -> Summary:
        """The summary, in which each command leads to the environment that it is about. What stands for itself stays."""
        return replace(
            self,
            lead=address.text(self.lead),
            blocks=tuple(_addressed(block, address) for block in self.blocks),
            warnings=tuple(map(address.text, self.warnings)),
            errors=tuple(map(address.text, self.errors)),
        )


def _addressed(block: Block, address: Address) -> Block:
    match block:
        case Paragraph():
            return Paragraph(address.text(block.text))
        case Table():
            rows = tuple(tuple(address.text(cell) if isinstance(cell, str) else cell for cell in row) for row in block.rows)
            return replace(block, rows=rows, more=address.text(block.more))
    return block


@dataclass(slots=True)
class Few(Generic[_Each]):
    """The first of many, and how many there were."""

    limit: int = ROWS
    first: list[_Each] = field(default_factory=list)
    total: int = 0

    def add(self, each: _Each) -> None:
        """Counts one more, and keeps it if it is one of the first."""
        self.total += 1
        if len(self.first) < self.limit:
            self.first.append(each)

    @property
    def left_out(self) -> int:
        """How many were not kept."""
        return self.total - len(self.first)
