"""The counts of a command that does many things: as text, and as a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from dpsops.cli.options import timestamp
from dpsops.cli.summary import UNKNOWN, Block, Cell, Few, Name, Outputs, Summary, Table

if TYPE_CHECKING:
    from dpsops.model.action import Result
    from dpsops.model.device import Issued, Unchanged

    Each = Result | Issued | Unchanged

FEW = 25
"""For more devices there are only counts, and what has failed."""

_SHOWN = 20
"""So many failures the text shows."""

_SAID = 10
"""So many failures are errors of their own."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """What has failed, and why; `line`: both, in one line."""

    what: str
    reason: str
    line: str


@dataclass(slots=True)
class Tally:
    """The counts of the results of a command, however many there are, and the first of them."""

    issued: int = 0
    existing: int = 0
    changed: int = 0
    disabled: int = 0
    failures: Few[_Failure] = field(default_factory=Few)
    kept: int = 0
    nouns: tuple[str, str] = ("change", "changes")
    _done: Few[tuple[Cell, ...]] = field(default_factory=lambda: Few(FEW))
    _verbs: dict[str, Few[Name]] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, results: Iterable[Each]) -> Self:
        """The counts of these."""
        tally = cls()
        for each in results:
            tally.add(each)
        return tally

    def add(self, result: Each) -> None:
        """Counts a result."""
        from dpsops.model.action import Action, Failed, Note, Remains
        from dpsops.model.device import Issued

        match result:
            case Issued():
                self.issued += 1
                self.did("issue", result.device, f"valid until {timestamp(result.not_after)}")
            case Failed():
                self.fail(result.device, result.reason, f"{result.device}: {result.reason}")
            case Action(action="keep"):
                self.kept += 1
            case Action():
                self.issued += result.action == "reissue"
                self.disabled += result.action == "disable"
                self.changed += result.action != "disable"
                self.did(result.action, result.target, result.outcome)
            case Remains():
                self.fail(result.target, result.reason, f"{result.target}: {result.reason}")
            case Note():
                self._notes.append(result.text)
            case _:
                self.existing += 1

    def did(self, verb: str, what: str, outcome: str) -> None:
        """Counts something that was done."""
        self._done.add((Name(what), verb, outcome))
        self._verbs.setdefault(verb, Few(1)).add(Name(what))

    def fail(self, what: str, reason: str, line: str) -> None:
        """Counts a failure. `line`: what and why."""
        self.failures.add(_Failure(what, reason, line))

    def text(self) -> str:
        """The counts, below the failures."""
        shown = self.failures.first[:_SHOWN]
        lines = [f"✗ {each.line}" for each in shown]
        if more := self.failures.total - len(shown):
            lines.append(f"✗ and {more:,} more")
        counts = [
            (self.issued, "issued"),
            (self.existing, "kept the certificate that they have"),
            (self.changed, "individual enrollments changed"),
            (self.disabled, "with older secret versions disabled"),
            (self.failures.total, "failed"),
        ]
        said = ", ".join(f"{count:,} {what}" for count, what in counts if count)
        return "\n".join([*lines, f"{'✗' if self.failures.total else '✓'} {said or 'nothing to do'}"])

    def summary(self, nothing: str, outputs: Outputs = UNKNOWN) -> Summary:
        """A summary of what was done. `nothing`: a sentence, if nothing was. `outputs`: what else is known."""
        return replace(self._summary(outputs), lead=self._lead() if self._done.total or self.failures.total else nothing)

    def interrupted(self) -> Summary:
        """A summary of what was done before an error. Whether the error has come after a change that nobody has counted is not
        known."""
        found = self._summary(UNKNOWN)
        lead = f"Before that: {self._lead()}" if self._done.total or self.failures.total else ""
        return replace(found, lead=lead, outputs=replace(found.outputs, changed=found.outputs.changed or None))

    def _summary(self, outputs: Outputs) -> Summary:
        failures = self.failures
        return Summary(
            lead="",
            blocks=tuple(self._blocks()),
            outputs=replace(outputs, changed=bool(self._done.total), issued=self.issued, failed=failures.total),
            warnings=tuple(self._notes),
            errors=tuple(each.line for each in failures.first[:_SAID]),
            errors_left_out=max(failures.total - _SAID, 0),
        )

    def _lead(self) -> str:
        others = self._done.total - self.issued
        counts = [
            (self.failures.total, "failed"),
            (self.issued, "certificate issued" if self.issued == 1 else "certificates issued"),
            (others, self.nouns[others != 1]),
            (self.existing + self.kept, "unchanged"),
        ]
        return f"{', '.join(f'{count:,} {what}' for count, what in counts if count)}."

    def _blocks(self) -> Iterator[Block]:
        """What has failed, then what was done: each, or how many of a kind if there are many."""
        failed = tuple((Name(each.what), each.reason) for each in self.failures.first)
        more = "--failed FILE, or --output json, has them all"
        yield Table(("failed", "reason"), failed, self.failures.left_out, more)
        if not self._done.left_out:
            yield Table(("done", "action", "outcome"), tuple(self._done.first))
            return
        yield Table(
            ("action", "how often", "as in"), tuple((verb, f"{few.total:,}", *few.first) for verb, few in self._verbs.items())
        )
