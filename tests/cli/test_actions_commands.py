"""Every command under GitHub Actions: it has a summary and outputs, and its result is what it is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.cli import device
from dpsops.cli.main import app
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.model.device import SecretVersion
from dpsops.pki.names import DeviceId
from tests.cli.runner import Job, commands, tables
from tests.cli.terminal import LOCAL, Terminal, served
from tests.github import REPOSITORY
from tests.github import served as github_served
from tests.workflows.another_ca import certified

NO_RESULT = {"local serve"}
"""It serves until it is interrupted."""

READ = [
    "status",
    "plan",
    "doctor",
    "doctor --for rotate",
    "root show",
    "root export",
    "device list",
    "device show press-07",
    "rotate status",
    "local show",
]
"""Commands that change nothing."""

SERVED = [
    "local snapshot clean",
    "local clock",
    "local clock advance 1s",
    "local clock set 2031-01-01T00:00:00Z",
    "local fault add throttle --service dps",
    "local fault list",
    "local fault clear",
    "local restore clean",
]
"""Commands in the order of a test of somebody's, while the embedded Azure is served."""

STORY = [
    "doctor",
    "plan",
    "up",
    "status",
    "root show",
    "root export",
    "root prove",
    "device issue press-07 press-08",
    "device list",
    "device show press-07",
    "device register press-07 --transport https",
    "local send press-07 reboot",
    "device renew press-07",
    "device export press-07 --to out --remove-key",
    "device block press-08",
    "device unblock press-08",
    "rotate --replace root-g1",
    "rotate status",
    "rotate undo",
    "local show",
    "root csr --out root.csr",
    "root merge root.pem company.pem",
    "down",
]
"""Commands in an order in which each succeeds, and changes something if it can."""


def words(group: object, *above: str) -> Iterator[str]:
    """The commands of the command line."""
    found = getattr(group, "commands", {})
    if above and (not found or getattr(group, "invoke_without_command", False)):
        yield " ".join(above)
    for name, command in found.items():
        yield from words(command, *above, name)


def command_of(line: str) -> str:
    """The words of a command without what it is given."""
    known = sorted(words(typer.main.get_command(app)), key=len, reverse=True)
    return next(each for each in known if f"{line} ".startswith(f"{each} "))


def test_every_command_tells_the_runner_what_came_of_it(
    terminal: Terminal, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {command_of(line) for line in READ}
    seen: set[str] = set()
    for line in STORY:
        if line.startswith("root merge"):
            made, issuer = certified(x509.load_pem_x509_csr((tmp_path / "root.csr").read_bytes()), datetime.now(UTC))
            (tmp_path / "root.pem").write_bytes(made.public_bytes(Encoding.PEM))
            (tmp_path / "company.pem").write_bytes(issuer.public_bytes(Encoding.PEM))
        seen.add(tell(terminal, job, line, reads))
    with served(tmp_path):
        job.begin()
        terminal("local", "env")
        seen.add("local env")
        assert job.page.startswith("## ✅ dpsops local env (local)\n")
        seen.update([tell(terminal, job, line, reads | {"local clock", "local fault list"}) for line in SERVED])
    with github_served("local") as github:
        monkeypatch.setenv("GITHUB_API_URL", github.address)
        seen.add(tell(terminal, job, f"pipeline setup --repo {REPOSITORY}", reads))
        assert ["local-plan", "AZURE_CLIENT_ID"] in [row[:2] for table in tables(job.page) for row in table]
    job.begin()
    assert terminal("init", "prod")[0] == 0
    seen.add("init")
    assert job.page.startswith("## ✅ dpsops init (prod)\n\nThe settings of the environment prod were written")
    seen.add(tell(terminal, job, "local stop", {"local stop"}))
    seen.add(tell(terminal, job, "local reset", reads))
    assert set(words(typer.main.get_command(app))) - NO_RESULT == seen, "a command has no place in this story"


def tell(terminal: Terminal, job: Job, line: str, reads: set[str]) -> str:
    job.begin()
    code, out, err = terminal("--output", "json", *line.split())
    command = command_of(line)
    assert code == 0, err
    assert json.loads(out)["schema_version"] == 1
    assert {each.name for each in commands(err)} <= {"warning", "add-mask"}
    assert job.page.startswith(f"## {'⚠️' if commands(err) else '✅'} dpsops {command} (local)\n\n"), job.page
    changed = command not in reads and command not in ("root prove",)
    assert job.outputs["changed"] == str(changed).lower(), line
    thumbprint = command in ("up", "status", "rotate") or command.startswith(("root", "rotate"))
    assert (len(job.outputs.get("root-thumbprint", "")) == 64) == thumbprint, line
    assert ("```mermaid\nflowchart LR\n" in job.page) == (command in ("status", "root show") or command.startswith("rotate"))
    return command


def test_no_result_differs_by_a_byte(terminal: Terminal, job: Job) -> None:
    job.end()
    terminal("up")
    terminal("device", "issue", "press-07")
    for line in READ:
        for output in ("text", "json", *(("jsonl", "csv") if line == "device list" else ())):
            elsewhere = terminal("--output", output, *line.split())
            job.begin()
            code, out, err = terminal("--output", output, *line.split())
            assert (code, out) == elsewhere[:2]
            said = "".join(each for each in err.splitlines(keepends=True) if not each.startswith("::"))
            assert said == elsewhere[2]
            assert job.page
            job.end()


def test_the_root_has_the_same_thumbprint_everywhere(terminal: Terminal, job: Job) -> None:
    found = set()
    for line in ("up", "status", "root show", "root export", "rotate status"):
        job.begin()
        terminal(*line.split())
        found.add(job.outputs["root-thumbprint"])
    assert found == {terminal.json("status")["root"]["thumbprint"]}


def test_a_plan_shows_each_property_before_and_after(terminal: Terminal, job: Job, tmp_path: Path) -> None:
    job.begin()
    terminal("plan")
    assert (job.outputs["pending"], job.outputs["changed"]) == ("true", "false")
    terminal("up")
    settings = tmp_path / "infra" / "local.toml"
    settings.write_text('tags = { team = "press|07" }\n' + LOCAL)
    for command in ("plan", "up"):
        job.begin()
        _, text, _ = terminal("plan")
        terminal(command)
        table = tables(job.page)[0]
        assert table[0] == ["", "action", "target", "property", "before", "after"]
        shown = [f"    {row[3]}: {row[4]} -> {row[5]}" for row in table[1:]]
        assert [line for line in text.splitlines() if " -> " in line] == shown
        assert any(row[5] == '"press|07"' for row in table[1:])
    job.begin()
    terminal("plan")
    assert (job.outputs["pending"], "Nothing to do." in job.page) == ("false", True)


def test_failures_of_a_fleet_are_errors_and_a_table(terminal: Terminal, job: Job, tmp_path: Path) -> None:
    terminal("up")
    (tmp_path / "fleet.csv").write_text("device\n" + "".join(f"press-{number}\nBad|{number}\n" for number in range(30)))
    for output in ("text", "json", "jsonl"):
        job.begin()
        code, _, err = terminal("--output", output, "device", "issue", "--from", "fleet.csv", "--keep-going")
        assert code == 3
        found = [each for each in commands(err) if each.name == "error"]
        assert (len(found), found[-1].data) == (10, "and 21 more: see the summary of this step")
        (failed, *_) = tables(job.page)
        assert failed[0] == ["failed", "reason"]
        assert [row[0] for row in failed[1:]] == [f"Bad|{number}" for number in range(30)]
        assert job.outputs == {
            "changed": str(output == "text").lower(), "issued": "30" if output == "text" else "0", "failed": "30"
        }  # fmt: skip


def test_a_command_that_fails_tells_what_it_has_done(terminal: Terminal, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    history, handle = LeafVaults.history, Azure.handle

    async def interrupted(leaves: LeafVaults, device: DeviceId) -> list[SecretVersion]:
        if device == "press-08":
            raise KeyboardInterrupt
        return await history(leaves, device)

    def refuse(azure: Azure, request: Request) -> Response:
        if "/certificates/root-g1/pending" in request.path:
            error = {"code": "Forbidden", "message": "No.\n::add-mask::e", "innererror": {"code": "ForbiddenByRbac"}}
            return Response(403, {"error": error})
        return handle(azure, request)

    monkeypatch.setattr(Azure, "handle", refuse)
    assert terminal("up")[0] == 4
    assert (job.outputs["changed"], "Before that&#58; 10 changes." in job.page) == ("true", True)
    assert "resource group rg-dpsops-local" in job.page
    monkeypatch.setattr(Azure, "handle", handle)
    terminal("up")
    monkeypatch.setattr(LeafVaults, "history", interrupted)
    job.begin()
    code, _, err = terminal("device", "issue", "press-07", "press-08")
    assert (code, job.outputs) == (130, {"changed": "true", "issued": "1", "failed": "0"})
    assert [each.data for each in commands(err)] == [
        "interrupted; completed steps stay done\nhint: run the command again to continue"
    ]


def test_status_warns_of_what_is_to_be_done(terminal: Terminal, job: Job) -> None:
    terminal("status")
    assert "- ⚠️ dpsops up" in job.page
    terminal("up")
    job.begin()
    _, _, err = terminal("status")
    assert (commands(err), "Nothing is wrong." in job.page, "Next&#58; dpsops device issue ID" in job.page) == ([], True, True)


@pytest.mark.usefixtures("job")
def test_json_for_the_runner_says_the_same(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("up")
    terminal("device", "issue", "press-07")
    monkeypatch.setattr("dpsops.cli.device._state", lambda _: "x")
    evil = "a ##[error]b\n::error::c"
    member = device._member
    monkeypatch.setattr("dpsops.cli.device._member", lambda found: member(found) | {"device": evil})
    for output in ("json", "jsonl", "csv"):
        _, out, _ = terminal("--output", output, "device", "list")
        assert commands(out) == []
        if output != "csv":
            document = json.loads(out)
            assert [each["device"] for each in document.get("devices", [document])] == [evil]
