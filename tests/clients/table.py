"""The table `client x operation` of `docs/emulator.md`, made from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.clients.catalogue import ROOT, Client, Program
from tests.clients.operations import Operation, Said

MANUAL = ROOT / "docs" / "emulator.md"
BEGIN, END = "<!-- clients: from make clients -->", "<!-- clients: end -->"
DONE, NOT_OFFERED, FAILED, NOT_RUN = "yes", "", "**no**", "not run"

COLUMNS: Mapping[str, Sequence[Operation]] = {
    "sign in": [Operation.SIGN_IN],
    "management": [Operation.MANAGEMENT_READ, Operation.MANAGEMENT_CREATE],
    "vault": [Operation.VAULT_CERTIFICATE, Operation.VAULT_SECRET, Operation.VAULT_KEY],
    "enrollments": [Operation.ENROLLMENT_CREATE, Operation.ENROLLMENT_READ, Operation.ENROLLMENT_QUERY],
    "register: HTTPS": [Operation.REGISTER_HTTPS],
    "MQTT": [Operation.REGISTER_MQTT],
    "WebSockets": [Operation.REGISTER_WEBSOCKETS],
    "connect": [Operation.CONNECT],
    "telemetry": [Operation.TELEMETRY],
    "twin": [Operation.TWIN_READ, Operation.TWIN_REPORTED],
    "desired pushed": [Operation.TWIN_DESIRED],
    "method": [Operation.METHOD],
    "cloud-to-device": [Operation.MESSAGE],
    "registry": [Operation.REGISTRY_CREATE, Operation.REGISTRY_READ, Operation.REGISTRY_BULK, Operation.REGISTRY_QUERY],
    "AMQP refused": [Operation.AMQP_REFUSED],
}
HEADER = ["client", "way", *COLUMNS]


@dataclass(frozen=True, slots=True)
class Row:
    """What one client has done, by whichever program; `missing`: why it is not known."""

    client: Client
    program: Program
    said: Sequence[Said]
    missing: str = ""

    @property
    def failed(self) -> list[Said]:
        """What it could not do."""
        return [each for each in self.said if not each.ok]

    @property
    def cells(self) -> list[str]:
        """Its line of the table."""
        package = self.client.package or self.client.name
        client = f"`{self.client.name}` {self.program.environment.version(package)}, {self.client.language}"
        if self.missing and not self.said:
            return [client, self.program.way, NOT_RUN, *([NOT_OFFERED] * (len(COLUMNS) - 1))]
        return [client, self.program.way, *(self._cell(operations) for operations in COLUMNS.values())]

    def _cell(self, operations: Sequence[Operation]) -> str:
        done = [each.ok for each in self.said if each.operation in operations]
        if not done:
            return NOT_OFFERED
        return DONE if all(done) else FAILED


def rows(programs: Sequence[Program], said: Sequence[Said], missing: Mapping[str, str]) -> list[Row]:
    """A row for each client, in the order of the programs. Raises `ValueError` for a client that no program has."""
    known = {client: program for program in reversed(programs) for client in program.clients}
    ordered = dict.fromkeys(client for program in programs for client in program.clients)
    unknown = {each.client for each in said} - {client.name for client in ordered}
    if unknown:
        raise ValueError(f"no program has these clients: {', '.join(sorted(unknown))}")
    return [
        Row(client, known[client], [each for each in said if each.client == client.name], missing.get(known[client].name, ""))
        for client in ordered
    ]


def table(made: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *(row.cells for row in made)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(made: Sequence[Row]) -> None:
    """Writes the table between its marks in the manual."""
    before, _, rest = MANUAL.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    MANUAL.write_text(f"{before}{BEGIN}\n{table(made)}\n{END}{after}", encoding="utf-8")
