"""A command that issues to many devices: which they are, what becomes of each, and what is printed of it all."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsops.cli.connection import connected
from dpsops.cli.exits import of_many
from dpsops.cli.gathering import gathered, line
from dpsops.cli.options import Options, Output
from dpsops.cli.tally import FEW, Tally
from dpsops.cli.wanted import wanted_devices

if TYPE_CHECKING:
    from dpsops.cli.connection import Connection
    from dpsops.cli.failures import FailedFile
    from dpsops.fleet.roster import Roster
    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged
    from dpsops.model.shards import Shard
    from dpsops.model.wanted import BadRow, Row
    from dpsops.pki.names import DeviceId

    Result = Issued | Unchanged | Failed | Action


@dataclass(frozen=True, slots=True)
class Devices(Collection["DeviceId"]):
    """The devices of a roster by their IDs."""

    roster: Roster

    def __len__(self) -> int:
        return len(self.roster)

    def __iter__(self) -> Iterator[DeviceId]:
        return (each.device for each in self.roster)

    def __contains__(self, device: object) -> bool:
        return any(each == device for each in self)


@contextmanager
def begun(options: Options, shard: str | None, failed: Path | None, source: Path | None) -> Iterator[Command]:
    """A command for many devices: its shard, its connection, and its file of failures."""
    from dpsops.cli.failures import FailedFile
    from dpsops.model.shards import WHOLE
    from dpsops.model.shards import shard as read

    part = WHOLE if shard is None else read(shard)
    with ExitStack() as stack:
        file = None if failed is None else stack.enter_context(FailedFile(failed, source))
        connection = stack.enter_context(connected(options, Output.jsonl, share=part.share(1)))
        yield Command(options, part, connection, file, stack)


@dataclass(slots=True)
class Command:
    """One command for many devices."""

    options: Options
    shard: Shard
    connection: Connection
    file: FailedFile | None
    stack: ExitStack
    roster: Roster | None = None

    def wanted(
        self,
        devices: Sequence[str],
        source: Path | None,
        *,
        keep_going: bool,
        requests: Path | None = None,
        reads_requests: bool = False,
    ) -> Roster:
        """The devices that are given, all read and checked."""
        environment = self.connection.run.environment
        given = wanted_devices(
            devices,
            source,
            environment,
            shard=self.shard,
            keep_going=keep_going,
            requests=requests,
            reads_requests=reads_requests,
        )
        self.roster = self.stack.enter_context(given)
        return self.roster

    def report(self, results: Iterable[Result], count: int) -> int:
        """Prints the results, and returns the exit code. For a few devices the text has a line for each, for many only what has
        failed, and how many have not."""
        bad = list(self.roster.own_bad_rows()) if self.roster else []
        for each in bad:
            self._failed(each.row, each.text)
        if self.options.output is Output.text and count > FEW:
            return self._report_counts(results, bad)
        return self._report_each(results, bad)

    def _failed(self, row: Row, reason: str) -> None:
        if self.file is not None:
            self.file.add(row, self.options.told.address.text(reason))
        if self.options.output is Output.jsonl:
            self.options.print_row({"device": row.device, "outcome": "failed", "reason": reason})

    def _seen(self, results: Iterable[Result]) -> Iterator[Result]:
        """The results, each of which is written down as it comes."""
        from dpsops.model.action import Failed
        from dpsops.model.wanted import Row

        for result in results:
            if isinstance(result, Failed):
                row = Row(result.device)
                with suppress(KeyError):
                    row = self.roster[result.device].row() if self.roster else row
                self._failed(row, result.reason)
            elif self.options.output is Output.jsonl:
                self.options.print_row(_row(result))
            yield result

    def _report_each(self, results: Iterable[Result], bad: Sequence[BadRow]) -> int:
        from dpsops.model.action import Action, Failed
        from dpsops.model.device import Issued, Unchanged

        place = {device: number for number, device in enumerate(Devices(self.roster))} if self.roster else {}
        found = sorted(
            gathered(self.options, self.connection.run, self._seen(results), partial(_document, bad)),
            key=lambda each: place.get(_device(each), 0),
        )
        in_order = sorted(found, key=lambda each: (Issued, Unchanged, Failed, Action).index(type(each)))
        lines = [*(f"✗ {each.text}" for each in bad), *map(line, in_order)]
        tally = _of_rows(bad)
        for each in in_order:
            tally.add(each)
        if self.options.output is not Output.jsonl:
            self.options.print_result(_document(bad, found), "\n".join(lines), tally.summary(_NOTHING))
        else:
            self.options.tell(tally.summary(_NOTHING))
        failed = {each.device for each in found if isinstance(each, Failed)}
        succeeded = {each.device for each in found if isinstance(each, Issued | Unchanged)} - failed
        return of_many(succeeded=bool(succeeded), failed=bool(failed or bad))

    def _report_counts(self, results: Iterable[Result], bad: Sequence[BadRow]) -> int:
        tally = _of_rows(bad)
        try:
            for result in self._seen(results):
                tally.add(result)
        except BaseException:
            self.options.tell(tally.interrupted())
            self.connection.run.progress("")
            print(tally.text(), file=sys.stderr)
            raise
        self.options.print_result({}, tally.text(), tally.summary(_NOTHING))
        return of_many(succeeded=bool(tally.issued or tally.existing), failed=bool(tally.failures.total))


_NOTHING = "Nothing changed: each device has the certificate that it needs."


def _document(bad: Sequence[BadRow], found: Sequence[Result]) -> dict[str, Any]:
    """The results as JSON (the contract)."""
    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged

    issued = {each.device: each for each in found if isinstance(each, Issued)}  # twice if a rotation was undone
    existing = {each.device: each for each in found if isinstance(each, Unchanged) and each.device not in issued}
    return {
        "issued": [one.document() for one in issued.values()],
        "unchanged": list(existing),
        "existing": [{"device": one.device, "secret_id": one.secret_id} for one in existing.values()],
        "failed": [*(_bad(each) for each in bad), *(asdict(each) for each in found if isinstance(each, Failed))],
        "actions": [each.document() for each in found if isinstance(each, Action)],
    }


def _of_rows(bad: Sequence[BadRow]) -> Tally:
    """The counts, with the bad rows."""
    tally = Tally()
    for each in bad:
        tally.fail(each.row.device, each.text, each.text)
    return tally


def _device(result: Result) -> DeviceId:
    """The device of a result; of an action, which has none of its own, the last word of its target."""
    from dpsops.model.action import Action
    from dpsops.pki.names import DeviceId

    return DeviceId(result.target.rpartition(" ")[2]) if isinstance(result, Action) else result.device


def _row(result: Result) -> dict[str, Any]:
    """One result as a line of JSON."""
    from dpsops.model.action import Action
    from dpsops.model.device import Issued

    match result:
        case Issued():
            return {"device": result.device, "outcome": "issued", **result.document()}
        case Action():
            return result.document()
    return {"device": result.device, "outcome": "existing", "secret_id": getattr(result, "secret_id", "")}


def _bad(bad: BadRow) -> dict[str, str]:
    return {"device": bad.row.device, "reason": bad.text}
