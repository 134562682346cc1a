"""What became of the recordings, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.conformance.replay import Outcome, Result
from tests.conformance.scope import Standing


@dataclass(slots=True)
class Report:
    """What became of the recordings, file by file."""

    files: dict[str, list[Result]] = field(default_factory=dict)

    def add(self, name: str, results: list[Result]) -> None:
        """Notes the results of one recording."""
        self.files[name] = results

    def lines(self) -> Iterator[str]:
        """A table, then why anything was refused."""
        width = max(map(len, self.files))
        yield f"{'recording':{width}} in scope  matched  refused  differed | older API  matched | out of scope"
        everything = [result for results in self.files.values() for result in results]
        for name, results in [*sorted(self.files.items()), ("all", everything)]:
            judged = Counter(each.outcome for each in results if each.standing is Standing.JUDGED)
            older = Counter(each.outcome for each in results if each.standing is Standing.OLDER)
            foreign = len(results) - judged.total() - older.total()
            yield (
                f"{name:{width}} {judged.total():8} {judged[Outcome.MATCHED]:8} {judged[Outcome.REFUSED]:8}"
                f" {judged[Outcome.DIFFERED]:9} | {older.total():9} {older[Outcome.MATCHED]:8} | {foreign:12}"
            )
        refused = Counter(reason for each in everything if each.outcome is Outcome.REFUSED for reason in each.reasons)
        for reason, count in refused.most_common():
            yield f"{count} refused: {reason}"
