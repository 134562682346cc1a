"""`--rehearse`: the settings of a real environment on the embedded Azure, and nothing reaches another one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, Terminal, assert_error, assert_error_free, served

INFRA = Path(__file__).parents[2] / "infra"

SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
PROD = """
location = "westeurope"
resource_group = "rg-ours"
subscription = "11111111-2222-3333-4444-555555555555"
[vault]
name = "kv-ours"
sku = "premium"
logs = "LOGS"
[dps]
name = "dps-ours"
[[hub]]
name = "iot-ours-1"
[[hub]]
name = "iot-ours-2"
location = "northeurope"
[root]
key = "EC-P256-HSM"
[access]
principals = [
  { id = "aaaaaaaa-0000-4000-8000-000000000001", type = "Group" },
  { id = "aaaaaaaa-0000-4000-8000-000000000002", type = "ServicePrincipal" },
]
""".replace("LOGS", f"{SUBSCRIPTION}/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/logs")


class Border:
    """Records what leaves this machine while it is closed, and stops it: the addresses, the names that are looked up, and the
    programs that are started. Whoever connects, in whatever library and thread."""

    def __init__(self) -> None:
        self.closed = False
        self.left: list[str] = []
        sys.addaudithook(self._see)  # it stays until Python ends

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.closed:
            return
        match event, arguments:
            case "socket.connect", (_, (host, *_)) if not str(host).startswith("127."):
                self._stop(host)
            case "socket.getaddrinfo" | "socket.gethostbyname", (host, *_) if host not in ("127.0.0.1", "localhost", None):
                self._stop(host)
            case "subprocess.Popen" | "os.posix_spawn" | "os.exec", (program, *_):
                self._stop(program)

    def _stop(self, what: object) -> None:
        self.left.append(str(what))
        raise OSError(f"{what} is beyond the border")


BORDER = Border()


@pytest.fixture
def left() -> Iterator[list[str]]:
    """What leaves this machine during the test."""
    BORDER.left.clear()
    BORDER.closed = True
    yield BORDER.left
    BORDER.closed = False


@pytest.fixture
def prod(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a real environment, on a machine that is signed in to Azure and has a proxy and a CA of its company."""
    assert terminal("local", "reset")[0] == 0
    (tmp_path / "infra" / "prod.toml").write_text(PROD)
    (company := tmp_path / "company.pem").write_text("none")
    for name, value in {
        "AZURE_TENANT_ID": "11111111-2222-3333-4444-666666666666",
        "AZURE_CLIENT_ID": "11111111-2222-3333-4444-777777777777",
        "AZURE_CLIENT_SECRET": "the-real-secret",
        "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us",
        "HTTPS_PROXY": "http://192.0.2.1:3128",
        "ALL_PROXY": "http://192.0.2.1:3128",
        "NO_PROXY": "*",
        "REQUESTS_CA_BUNDLE": str(company),
        "SSL_CERT_FILE": str(company),
    }.items():
        monkeypatch.setenv(name, value)


def rehearse(terminal: Terminal, line: str) -> str:
    """The output of a command that is rehearsed, and must succeed."""
    code, out, err = terminal("--env", "prod", "--rehearse", *line.split())
    assert code == 0, err
    return out


@pytest.mark.usefixtures("prod")
def test_all_that_prod_does_can_be_rehearsed_and_nothing_leaves_the_machine(terminal: Terminal, left: list[str]) -> None:
    planned = rehearse(terminal, "plan")
    assert "+ create Microsoft.Devices/IotHubs/iot-ours-2" in planned
    assert "to Group aaaaaaaa-0000-4000-8000-000000000001" in planned
    done = rehearse(terminal, "up --yes")
    assert "✓ Microsoft.KeyVault/vaults/kv-ours: created" in done
    assert "diagnosticSettings" in done
    assert rehearse(terminal, "plan") == "Nothing to do.\n"
    rehearse(terminal, "device issue press-07 press-08")
    assert "✓ press-07: connected to the hub and sent a message" in rehearse(terminal, "device register press-07")
    assert "✓ press-08: registered over https" in rehearse(terminal, "device register press-08 --transport https")
    scope = (
        terminal("--env", "prod", "--rehearse", "--output", "json", "status")[1].partition('"id_scope": "')[2].partition('"')[0]
    )
    rehearse(terminal, "device export press-07 --to out")
    (bundle,) = Path("out").glob("*.pem")
    assert "✓ press-07: registered" in rehearse(terminal, f"device register press-07 --bundle {bundle} --id-scope {scope}")
    assert "✓ enrollment group devices: trusts root-g1 and root-g2" in rehearse(
        terminal, "rotate --replace root-g1 --until draining --yes"
    )
    rehearse(terminal, "device block press-08")
    shown = rehearse(terminal, "status")
    assert shown.startswith("environment  prod\nazure        embedded: nothing of this is in the real Azure\n")
    assert left == []


@pytest.mark.usefixtures("prod")
def test_what_leaves_the_machine_would_be_seen(terminal: Terminal, left: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--rehearse` the same machine goes to sign in."""
    monkeypatch.delenv("AZURE_AUTHORITY_HOST")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert terminal("--env", "prod", "status")[0] != 0
    assert set(left) == {"login.microsoftonline.com"}


@pytest.mark.usefixtures("prod")
def test_a_rehearsal_asks_as_prod_would(terminal: Terminal) -> None:
    refused = terminal("--env", "prod", "--rehearse", "up")
    assert_error(refused, 2, "'up' would change the environment 'prod', and there is no terminal to ask", "--yes")


def test_local_is_rehearsed_anyway(terminal: Terminal) -> None:
    assert_error_free(terminal("--rehearse", "up"), "✓ enrollment group devices: created")
    assert terminal.json("status")["embedded"] is True


@pytest.mark.usefixtures("prod")
def test_a_rehearsal_leaves_local_alone(terminal: Terminal) -> None:
    rehearse(terminal, "up --yes")
    code, out, _ = terminal("status")
    assert (code, out.splitlines()[0]) == (0, "environment  local: nothing exists yet")


def test_the_region_of_another_cloud_is_refused_as_for_prod(terminal: Terminal, tmp_path: Path, left: list[str]) -> None:
    (tmp_path / "infra" / "gov.toml").write_text(PROD.replace("westeurope", "usgovvirginia"))
    assert_error(terminal("--env", "gov", "--rehearse", "plan"), 2, "the region usgovvirginia is one of Azure US Government")
    assert left == []


def test_status_says_embedded_if_the_variables_lead_there(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under the names of the samples, and a device registers there over MQTT."""
    (tmp_path / "infra" / "prod.toml").write_text((INFRA / "prod.toml").read_text(encoding="utf-8"))
    with served(tmp_path):
        for name, value in terminal.json("local", "env").items():
            if name.isupper():
                monkeypatch.setenv(name, value)
        assert terminal("--env", "prod", "up", "--yes")[0] == 0
        code, out, _ = terminal("--env", "prod", "--output", "json", "status")
        assert (code, '"embedded": true' in out) == (0, True)
        terminal("--env", "prod", "device", "issue", "press-07")
        assert_error_free(terminal("--env", "prod", "device", "register", "press-07"), "✓ press-07: connected to the hub")


@pytest.mark.parametrize("file", ["dev", "prod"])
def test_the_names_of_the_samples_are_refused_before_any_request(
    terminal: Terminal, tmp_path: Path, left: list[str], file: str
) -> None:
    text = (INFRA / f"{file}.toml").read_text(encoding="utf-8")
    (tmp_path / "infra" / "ours.toml").write_text(text)
    number = (
        text.splitlines().index(next(line for line in text.splitlines() if line.startswith(f'name = "kv-dpsops-{file}"'))) + 1
    )
    for command in ("up", "plan", "status", "device list"):
        refused = terminal("--env", "ours", *command.split())
        assert_error(
            refused, 2, f"infra/ours.toml still has names of the samples, which are unique in all of Azure: kv-dpsops-{file}"
        )
        assert f"hint: change line {number} (vault.name), " in refused[2]
        assert f"kv-dpsops-{file}, dps-dpsops-{file}, iot-dpsops-{file}" in refused[2]
    assert left == []


def test_one_name_of_the_samples_is_enough(terminal: Terminal, tmp_path: Path) -> None:
    text = LOCAL.replace("-local", "-ours").replace("kv-dpsops-ours", "KV-dpsops-Prod")
    (tmp_path / "infra" / "ours.toml").write_text(text)
    assert_error(terminal("--env", "ours", "up"), 2, ": KV-dpsops-Prod", "change line 5 (vault.name)")


@pytest.mark.usefixtures("terminal")
def test_a_bundle_of_many_authorities_is_that_of_the_real_azure(tmp_path: Path) -> None:
    from dpsops.cli.destination import _leads_to_embedded
    from dpsops.emulator.authority import ensure_certificates

    authority, _ = ensure_certificates(tmp_path / "state")
    assert _leads_to_embedded({"REQUESTS_CA_BUNDLE": str(authority)})
    (both := tmp_path / "both.pem").write_bytes(authority.read_bytes() * 2)
    for variables in (
        {"REQUESTS_CA_BUNDLE": str(both)},
        {"REQUESTS_CA_BUNDLE": os.devnull},
        {"SSL_CERT_FILE": str(authority)},
        {},
    ):
        assert not _leads_to_embedded(variables)
