"""The command line, from arguments to exit code, with a separate embedded Azure in each directory."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.cli.main import command_line
from dpsops.cli.tree import ENTRIES
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.state import Database
from tests.cli.terminal import LOCAL, Terminal, assert_error, assert_error_free, served
from tests.cli.test_actions_commands import words as every_command


def test_a_second_up_changes_nothing(terminal: Terminal) -> None:
    first = terminal.json("up")
    assert first["changed"] is True
    assert {"action": "prove", "target": "root-g1 in DPS dps-dpsops-local", "outcome": "verified"} in first["actions"]

    assert terminal.json("up") == {"schema_version": 1, "environment": "local", "changed": False, "actions": []}
    assert terminal("up")[:2] == (0, "Nothing changed: nothing is missing.\n")


def test_the_contract_of_status(terminal: Terminal) -> None:
    assert terminal.json("status")["next"] == ["dpsops up"]
    terminal("up")
    found = terminal.json("status")
    assert found["vault"] == {"name": "kv-dpsops-local", "url": "https://kv-dpsops-local.vault.azure.net/"}
    assert set(found["dps"]) == {"name", "id_scope", "host"}
    assert found["dps"]["host"] == "dps-dpsops-local.azure-devices-provisioning.net"
    assert found["hubs"] == [{"name": "iot-dpsops-local", "host": "iot-dpsops-local.azure-devices.net"}]
    assert found["root"]["key"] == {"type": "EC", "size": 256, "exportable": False}
    assert found["root"]["path_length"] == 0
    assert found["root"]["proven"] is True
    assert re.fullmatch(r"[0-9A-F]{64}", found["root"]["thumbprint"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["root"]["not_after"])
    assert found["devices"] == {"total": 0, "expiring": 0, "blocked": 0, "left_behind": 0, "waiting": 0}
    assert {"group", "rotation", "next"} <= set(found)
    text = terminal("status")[1]
    assert "kv-dpsops-local" in text
    assert "dpsops device issue ID" in text


def test_the_contract_of_status_with_vaults_for_devices(terminal: Terminal) -> None:
    terminal.stand()
    root = {"name": "kv-dpsops-local", "url": "https://kv-dpsops-local.vault.azure.net/"}
    assert terminal.json("status")["vaults"] == [root]
    settings = Path("infra/local.toml")
    settings.write_text(settings.read_text() + '[device]\nvaults = ["kv-devices-1"]\n')
    assert terminal.json("status")["vaults"] == []
    assert "device vault kv-devices-1 does not exist\n" in terminal("status")[1]
    assert terminal.json("plan")["actions"][0] == {
        "action": "create", "target": "Microsoft.KeyVault/vaults/kv-devices-1", "outcome": "planned",
    }  # fmt: skip
    terminal("up")
    found = terminal.json("status")
    assert found["vault"] == root
    assert found["vaults"] == [{"name": "kv-devices-1", "url": "https://kv-devices-1.vault.azure.net/"}]
    assert "device vault kv-devices-1\n" in terminal("status")[1]
    terminal("device", "issue", "press-07")
    assert terminal.json("device", "show", "press-07")["vault"] == "kv-devices-1"
    settings.write_text(settings.read_text().replace("kv-devices-1", "kv-devices-2"))
    code, _, err = terminal("up")
    assert (code, "dpsops: note: the vault kv-devices-1 was for devices and is not in the settings any more" in err) == (0, True)


def test_root_show_export_and_prove(terminal: Terminal, tmp_path: Path) -> None:
    assert_error(terminal("root", "show"), 1, "there is no host dps-dpsops-local.azure-devices-provisioning.net", "dpsops up")
    terminal("up")
    code, out, _ = terminal("root", "show")
    assert code == 0
    assert "not exportable" in out
    assert "path length 0" in out
    assert "verified    yes" in out
    assert terminal.json("root", "show")["root"]["generation"] == 1

    code, pem, _ = terminal("root", "export")
    described = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-nameopt", "RFC2253"], input=pem, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    for wanted in (
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Digital Signature, Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
        "Subject: CN=dpsops local root G1",
    ):
        assert wanted in described

    assert terminal("root", "export", "--out", "root.pem")[:2] == (0, "")
    assert (tmp_path / "root.pem").read_text() == pem
    assert_error(terminal("root", "export", "--out", "no/such/place.pem"), 2, "cannot be written")
    assert terminal("root", "prove")[1] == "Nothing changed: it is already verified.\n"
    assert terminal.json("root", "prove")["changed"] is False


def test_device_issue(terminal: Terminal) -> None:
    terminal.stand()
    document = terminal.json("device", "issue", "press-07", "line1.press_08")
    assert [one["device"] for one in document["issued"]] == ["press-07", "line1.press_08"]
    assert set(document["issued"][0]) == {"device", "serial", "thumbprint", "not_after", "secret_id"}
    assert document["issued"][0]["secret_id"].startswith("https://kv-dpsops-local.vault.azure.net/secrets/device-press-07/")
    again = terminal.json("device", "issue", "press-07")
    assert (again["issued"], again["unchanged"], again["failed"]) == ([], ["press-07"], [])
    assert "= press-07" in terminal("device", "issue", "press-07")[1]


def test_a_device_registers_is_blocked_and_unblocked(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07", "press-08")
    assert_error(terminal("device", "register", "press-09"), 1, "has no certificate in the vault", "dpsops device issue press-09")

    done = terminal.json("device", "register", "press-07")
    hub = "iot-dpsops-local.azure-devices.net"
    assert (done["device"], done["status"], done["assigned_hub"], done["transport"]) == ("press-07", "assigned", hub, "mqtt")
    assert done["message_sent"] is True
    assert terminal.json("device", "register", "press-08", "--transport", "https")["message_sent"] is False
    listed = {one["device"]: one for one in terminal.json("device", "list")["devices"]}
    assert {name: one["hub"] for name, one in listed.items()} == {"press-07": hub, "press-08": hub}
    assert all(one["registered_thumbprint"] == one["thumbprint"] for one in listed.values())

    assert terminal.json("device", "block", "press-07")["changed"] is True
    assert terminal("device", "block", "press-07")[1] == "Nothing changed: it is already blocked.\n"
    assert_error(terminal("device", "register", "press-07", "--transport", "https"), 1, "DPS refused", "is blocked")
    assert_error_free(terminal("device", "show", "press-07"), "yes: dpsops device unblock press-07")
    assert terminal("device", "renew", "press-07")[0] == 1
    code, out, _ = terminal("device", "issue", "press-07")
    assert (code, out) == (1, "✗ press-07: it is blocked: dpsops device unblock press-07\n")
    assert terminal("device", "issue", "press-07", "press-08")[0] == 3, "press-08 has its certificate already"
    assert terminal.json("status")["devices"] == {"total": 2, "expiring": 0, "blocked": 1, "left_behind": 0, "waiting": 0}

    assert terminal.json("device", "unblock", "press-07")["changed"] is True
    renewed = terminal.json("device", "renew", "press-08")["issued"][0]["thumbprint"]
    shown = terminal.json("device", "show", "press-08")
    assert (shown["thumbprint"], shown["registered_thumbprint"]) == (renewed, listed["press-08"]["thumbprint"])
    assert_error_free(terminal("device", "list"), "with an older certificate")
    assert_error_free(terminal("device", "register", "press-07"), "connected to the hub and sent a message")
    assert_error_free(terminal("device", "list"), "press-08")


def test_a_device_registers_with_a_bundle_file_and_no_access_to_the_vault(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    scope = terminal.json("status")["dps"]["id_scope"]
    with served(tmp_path):
        found = terminal.json("local", "env")
        reader = "from azure.keyvault.secrets import SecretClient; from azure.identity import DefaultAzureCredential as C; print("
        reader += "SecretClient('https://kv-dpsops-local.vault.azure.net', C()).get_secret('device-press-07').value)"
        variables = {name: value for name, value in found.items() if name.isupper()}
        bundle = subprocess.run(
            [sys.executable, "-c", reader], env=os.environ | variables, capture_output=True, text=True, check=True
        ).stdout
        (tmp_path / "press-07.pem").write_text(bundle)
        run_the_documented_device(tmp_path, variables | {"ID_SCOPE": scope})
    assert terminal.json("device", "show", "press-07")["hub"] == "iot-dpsops-local.azure-devices.net"
    register = ("device", "register", "press-07", "--transport", "https", "--bundle", "press-07.pem")
    assert_error_free(terminal(*register, "--id-scope", scope), "assigned to iot-dpsops-local")
    assert_error(terminal(*register), 2, "--id-scope")
    assert_error(terminal(*register[:-1], "missing.pem", "--id-scope", scope), 2, "missing.pem")
    assert_error(terminal(*register, "--id-scope", "0ne00000000"), 1, "DPS refused the registration", "ID scope")


def run_the_documented_device(directory: Path, variables: dict[str, str]) -> None:
    """Runs the program in Python of `docs/how-to/device-code.md`."""
    manual = (Path(__file__).parents[2] / "docs" / "how-to" / "device-code.md").read_text(encoding="utf-8")
    code = manual.partition("## Python")[2].partition("```python\n")[2].partition("```")[0]
    assert "send_message" in code
    subprocess.run([sys.executable, "-c", code], cwd=directory, env=os.environ | variables, check=True, timeout=120)


def test_an_individual_enrollment(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    (tmp_path / "twin.json").write_text('{"telemetry": {"interval": 5}}')
    command = (
        "device",
        "issue",
        "press-07",
        "--individual",
        "--hub",
        "iot-dpsops-local",
        "--twin",
        "twin.json",
        "--policy",
        "reset",
    )
    assert_error_free(terminal(*command), "✓ enrollment press-07: created")
    assert_error_free(terminal(*command), "= enrollment press-07: unchanged")
    assert_error_free(terminal(*command[:-1], "migrate"), "✓ enrollment press-07: modified")
    assert_error(terminal("device", "issue", "press-07", "--hub", "x"), 2, "add --individual")
    assert_error(terminal("device", "issue", "press-07", "--individual", "--policy", "x"), 2, "migrate, reset, never")
    assert_error(terminal("device", "issue", "press-08", "--individual", "--hub", "nowhere"), 2, "has no hub 'nowhere'")
    assert [one["device"] for one in terminal.json("device", "list")["devices"]] == ["press-07"], (
        "it is refused before a certificate is issued"
    )
    terminal("device", "block", "press-07")
    code, out, _ = terminal("device", "issue", "press-07", "press-08", "--individual")
    assert (code, "✗ press-07: it is blocked" in out, "✓ enrollment press-08: created" in out) == (3, True, True)
    (tmp_path / "twin.json").write_text("[]")
    assert_error(terminal(*command), 2, "is not a JSON object")
    for twin, words in (
        (b"{", "Expecting property name"),
        (b"\xff", "it is not UTF-8 text"),
        (b'{"a":' * 100_000, "recursion"),
        (b'{"a": NaN}', "JSON has no number nan"),
        (b'{"a": [{"b.c": 1}]}', "'b.c' is not a valid name in a twin"),
    ):
        (tmp_path / "twin.json").write_bytes(twin)
        assert_error(terminal(*command), 2, "the twin twin.json cannot be read", words)
    (tmp_path / "twin.json").unlink()
    assert_error(terminal(*command), 2, "the twin twin.json cannot be read: No such file or directory")
    assert_error(terminal("device", "issue", "press-07", "--hub", ""), 2, "add --individual")


def test_no_output_contains_a_key_or_a_token(terminal: Terminal) -> None:
    printed = "".join(
        "".join(terminal("--verbose", *command)[1:])
        for command in (["plan"], ["up"], ["device", "issue", "press-07"], ["status"], ["root", "show"])
    )
    assert "sign -> 200" in printed
    assert "PRIVATE KEY" not in printed
    assert "Bearer" not in printed
    assert "eyJ" not in printed


def test_plan_then_up(terminal: Terminal, tmp_path: Path) -> None:
    code, out, _ = terminal("plan", "--out", "the.plan", "--detailed-exitcode")
    assert code == 10
    assert out.splitlines()[0] == "+ create resource group rg-dpsops-local"
    assert stat.S_IMODE((tmp_path / "the.plan").stat().st_mode) == 0o600
    assert terminal("up", "--plan", "the.plan")[0] == 0
    assert_error(terminal("up", "--plan", "the.plan"), 1, "has changed since the plan was made", "dpsops plan --out")
    assert terminal("plan", "--detailed-exitcode")[:2] == (0, "Nothing to do.\n")
    assert terminal.json("plan") == {"schema_version": 1, "environment": "local", "changed": False, "actions": []}


def test_files_that_are_not_plans_are_refused(terminal: Terminal, tmp_path: Path) -> None:
    assert_error(terminal("up", "--plan", "missing.plan"), 2, "missing.plan")
    for text in ("", "[]", "{}", '{"schema_version": 2}', "[" * 100_000):
        (tmp_path / "bad.plan").write_text(text)
        assert_error(terminal("up", "--plan", "bad.plan"), 2, "bad.plan")
    assert_error(terminal("plan", "--out", "no/such/place"), 2, "cannot be written")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["device", "issue", "press 07"], "is not a valid device ID"),
        (["device", "issue", "x" * 65], "65 characters"),
        (["device", "issue", "Press-07"], "write press-07"),
        (["device", "issue", ""], "is empty"),
        (["device", "issue"], "no device is given"),
        (["--env", "nowhere", "up"], "there is no environment 'nowhere'"),
        (["--env", "../etc", "up"], "is not a valid environment name"),
        (["--output", "xml", "status"], "xml"),
        (["--bogus"], "--bogus"),
        (["bogus"], "bogus"),
        (["local", "serve", "--port", "70000"], "less than or equal to 65535"),
    ],
)
def test_wrong_use(terminal: Terminal, arguments: list[str], words: str) -> None:
    assert_error(terminal(*arguments), 2, words)


def test_the_error_for_wrong_settings_names_line_key_and_reason(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "local.toml").write_text(LOCAL.replace('"EC-P256"', '"DSA"'))
    assert_error(terminal("up"), 2, "infra/local.toml, line 11: root.key: 'DSA' is not a type of root key")
    (tmp_path / "infra" / "local.toml").write_text("= nonsense")
    assert_error(terminal("up"), 2, "infra/local.toml", "at line 1, column 1")


def test_without_a_subscription(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)
    monkeypatch.setenv("PATH", "")  # without `az`
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL)
    assert_error(terminal("--env", "prod", "up"), 2, "names no subscription", "AZURE_SUBSCRIPTION_ID")


def test_a_missing_role_is_exit_code_4(terminal: Terminal, tmp_path: Path) -> None:
    terminal("plan")
    database = Database(tmp_path / ".dpsops" / "azure.sqlite")
    with database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            state.put(ASSIGNMENT, key, assignment | {"role": "acdd72a7-3385-48ef-bd42-f606fba81ae7"})  # Reader
    database.close()
    assert_error(
        terminal("up"),
        4,
        "does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/write'",
        "assign the role 'Contributor', or a custom one that allows ",
    )


def test_a_wrong_secret_is_exit_code_4(terminal: Terminal, tmp_path: Path) -> None:
    terminal("plan")
    with served(tmp_path):
        lock = tmp_path / ".dpsops" / "serve.lock"
        found = json.loads(lock.read_text())
        lock.write_text(json.dumps(found | {"variables": found["variables"] | {"AZURE_CLIENT_SECRET": "wrong"}}))
        assert_error(terminal("up"), 4, "AADSTS7000215", "sign in")


@pytest.mark.parametrize("arguments", [[], ["root"], ["device"], ["pipeline"], ["local"]])
def test_a_group_without_a_command_shows_its_help(terminal: Terminal, arguments: list[str]) -> None:
    code, out, err = terminal(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: dpsops")


def test_version_and_help(terminal: Terminal) -> None:
    assert terminal("--version") == (0, "dpsops 0.1.0\n", "")
    code, out, _ = terminal("--help")
    assert code == 0
    assert "dpsops up" in out


COMMANDS = [
    *("init", "up", "plan", "status", "doctor", "down"),
    *("root show", "root prove", "root export", "root csr", "root merge"),
    *("device issue", "device renew", "device export", "device list", "device show", "device register"),
    *("device block", "device unblock"),
    *("rotate", "rotate status", "rotate undo"),
    "pipeline setup",
    *("local serve", "local env", "local show", "local stop", "local reset"),
    *("local snapshot", "local restore", "local send", "local clock", "local clock advance", "local clock set"),
    *("local fault add", "local fault list", "local fault clear"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(terminal: Terminal, command: str) -> None:
    words = command.split()
    code, out, _ = terminal(*words, "--help")
    assert code == 0
    assert "Example" in out
    assert f"dpsops {words[0]}" in out


def test_the_list_of_commands_is_complete() -> None:
    assert sorted(every_command(command_line())) == sorted(COMMANDS)


def test_the_help_of_all_imports_no_command(terminal: Terminal) -> None:
    code, out, _ = terminal("--help")
    assert code == 0
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()] == [entry.name for entry in ENTRIES]
    assert all(len(entry.purpose) < 55 for entry in ENTRIES), "it is cut off in a terminal of 80 characters"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dpsops", "--help"], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "dpsops.cli.main" in imported
    assert not imported & {f"dpsops.cli.{each}" for each in ("summary", "connection", "gathering", *(e.module for e in ENTRIES))}


def test_a_missing_credential_is_two_lines(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "infra" / "dev.toml").write_text(LOCAL)
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000001")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    assert_error(terminal("--env", "dev", "plan"), 4, "credential", "az login")
    assert "unavailable" in terminal("--verbose", "--env", "dev", "plan")[2]
