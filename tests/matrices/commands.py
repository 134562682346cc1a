"""The commands of the matrices: those that are killed, and those that only read."""

from __future__ import annotations

from tests.crash.table import BOTH, NEW, PINNED, PLAIN, Command, Stage, draining, fleet, nothing, overlapping
from tests.crash.table import COMMANDS as KILLED
from tests.github import REPOSITORY


def listed(stage: Stage) -> None:
    """Devices are named in a file."""
    fleet(stage)
    (stage.place / "fleet.csv").write_text("device\npress-09\nlathe-01\nlathe-02\nlathe-03\n")


def impatient(stage: Stage) -> None:
    """The device SDK waits in real time, and gives up soon."""
    fleet(stage)
    settings = stage.place / "infra" / "local.toml"
    settings.write_text(f"{settings.read_text()}\n[waits]\nregistration_seconds = 6\n")


FROM_FILE = ("device", "issue", "--from", "fleet.csv")

READING = (
    Command("plan", ("plan",), fleet),
    Command("plan, of nothing", ("plan",), nothing),
    Command("status", ("status",), fleet),
    Command("status, in a rotation", ("status",), overlapping),
    Command("status --report", ("status", "--report", "report.html"), fleet),
    Command("doctor", ("doctor",), fleet),
    Command("root show", ("root", "show"), fleet),
    Command("root export", ("root", "export"), fleet),
    Command("device list", ("device", "list"), fleet),
    Command("device show", ("device", "show", PINNED), fleet),
    Command("rotate status", ("rotate", "status"), draining),
    Command("device register --transport https", ("device", "register", PLAIN, "--transport", "https"), fleet),
    Command("device register --transport mqtt", ("device", "register", PLAIN, "--transport", "mqtt"), impatient),
)
"""Commands that change nothing in the environment, but the registration of a device."""

ASKING_ONCE = {"doctor"}
"""Commands that tell of a fault, and do not try again."""

UNSEEN = ("were not compared with the vault", "\nunknown ")
"""With these words a command says that it has not seen everything."""

CHANGING = (
    *KILLED,
    Command("device issue", ("device", "issue", NEW), fleet, (*BOTH, NEW)),
    Command("device issue --from", FROM_FILE, listed, (*BOTH, NEW)),
    Command("device issue --shard", (*FROM_FILE, "--shard", "1/2"), listed, BOTH),
    Command("root prove", ("root", "prove"), fleet, BOTH),
    Command("pipeline setup", ("pipeline", "setup", "--repo", REPOSITORY, "--yes"), fleet, BOTH),
)
"""Commands that change something."""

MERGING = tuple(each for each in CHANGING if each.words[:2] == ("root", "merge"))
"""Commands with a file that fits only the state in which it was made."""

COMMANDS = (*CHANGING, *READING)
