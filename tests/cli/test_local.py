"""The embedded Azure as a server: one in each directory. Other commands find it, and `local reset` deletes it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.cli.listening import warn_of_others
from dpsops.cli.shells import Shell, assigned, unset
from dpsops.emulator.door import Listen
from tests.cli.terminal import SOURCE, Terminal, assert_error, error_document, served


def test_serve_env_reset(terminal: Terminal, tmp_path: Path) -> None:
    code, out, err = terminal("local", "env")
    assert (code, out) == (1, "kill -INT $$; false\n")
    assert "no embedded Azure is served" in err
    found = error_document(terminal, "--output", "json", "local", "env", code=1)["error"]
    assert found == {
        "code": "failed",
        "message": "no embedded Azure is served in this directory",
        "hint": "start one: dpsops local serve --detach",
    }
    assert terminal("local", "reset")[:2] == (0, "nothing to delete\n")
    with served(tmp_path):
        found = terminal.json("local", "env")
        wanted = {
            "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID",
        }  # fmt: skip
        assert set(found) == wanted | {"schema_version", "environment"}
        lines = terminal("local", "env")[1].splitlines()
        assert {line.removeprefix("export ").partition("=")[0] for line in lines} == wanted
        assert terminal("up")[0] == 0
        taken = terminal.json("local", "env")["HTTPS_PROXY"].rpartition(":")[2]
        for port in ("0", taken):  # that of the other one is in use
            assert_error(terminal("local", "serve", "--port", port), 1, "already served", 'use it: eval "$(dpsops local env)"')
        assert_error(terminal("local", "serve", "--detach"), 1, "already served", 'eval "$(dpsops local env)"')
        assert_error(terminal("local", "reset"), 1, "is being served")
    assert terminal("up")[1] == "Nothing changed: nothing is missing.\n"
    (tmp_path / ".dpsops" / "mine.txt").write_text("precious")
    assert_error(terminal("local", "reset"), 1, "mine.txt")
    (tmp_path / ".dpsops" / "mine.txt").unlink()
    (tmp_path / ".dpsops" / "server.new").touch()  # as after a kill
    assert terminal.json("local", "reset")["changed"] is True
    assert not (tmp_path / ".dpsops").exists()


def test_a_server_that_was_killed_is_not_taken_for_a_running_one(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.kill()
        server.wait(30)
    assert terminal("local", "env")[0] == 1
    assert terminal("local", "stop")[:2] == (0, "nothing to stop\n")
    assert terminal("status")[0] == 0


def test_it_serves_until_it_is_stopped(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("local", "serve", "--detach", "--port", "0")[0] == 0
    try:
        assert (tmp_path / ".dpsops" / ".gitignore").read_text() == "*\n"
        assert stat.S_IMODE((tmp_path / ".dpsops" / "serve.log").stat().st_mode) == 0o600
        assert terminal("local", "env", "--wait")[0] == 0
        assert terminal("status")[0] == 0
    finally:
        assert terminal.json("local", "stop")["changed"] is True
    assert terminal("local", "env")[0] == 1
    assert terminal("local", "reset")[0] == 0


def test_the_log_of_a_server_has_its_requests_and_no_secret(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("local", "serve", "--detach", "--log", "--port", "0")[0] == 0
    try:
        secret = terminal.json("local", "env")["AZURE_CLIENT_SECRET"]
        assert terminal("up")[0] == 0
        assert terminal("device", "issue", "press-07")[0] == 0
        assert terminal("device", "register", "press-07")[0] == 0
    finally:
        assert terminal("local", "stop")[0] == 0
    lines = (tmp_path / ".dpsops" / "serve.log").read_text(encoding="utf-8").splitlines()
    assert stat.S_IMODE((tmp_path / ".dpsops" / "serve.log").stat().st_mode) == 0o600
    found = [line.split(maxsplit=3) for line in lines if not line.startswith("dpsops: ")]
    assert {"PUT", "GET", "POST", "CONNECT", "SUBSCRIBE", "PUBLISH", "DISCONNECT"} <= {verb for _, verb, _, _ in found}
    assert any(outcome == "201" and about.startswith("management.azure.com/subscriptions/") for _, _, outcome, about in found)
    assert any("assigned to iot-dpsops-local" in about for *_, about in found)
    for never in (secret, "sig=", "eyJ", "PRIVATE KEY"):
        assert never not in "".join(lines)


def test_who_waits_for_a_server_is_told_every_ten_seconds(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    code, _, err = terminal("local", "env", "--wait")
    waited = [line for line in err.splitlines() if line.startswith("dpsops: waiting")]
    assert (code, round(sum(slept))) == (1, 30)
    assert waited == [
        f"dpsops: waiting for an embedded Azure in this directory ({seconds} of at most 30 seconds)" for seconds in (10, 20)
    ]


def test_a_detached_server_that_cannot_start_says_why(terminal: Terminal, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert_error(terminal("local", "serve", "--detach", "--port", port), 1, f"port {port} cannot be used", "--port")
    (tmp_path / ".dpsops" / "serve.lock").write_text("")
    with open(tmp_path / ".dpsops" / "serve.lock", "r+b") as other_server:
        fcntl.flock(other_server, fcntl.LOCK_EX)
        assert "is starting" in error_document(terminal, "--output", "json", "local", "env", code=1)["error"]["message"]
        other_server.write(b'{"HTTPS_PROXY": "http://127.0.0.1:1"}')
        other_server.flush()
        assert_error(terminal("local", "stop"), 1, "another version of dpsops", "stop that one")


@pytest.mark.parametrize("joined", ["; ", " && ", "\n"])
def test_a_program_does_not_run_against_the_real_azure_if_nothing_is_served(tmp_path: Path, joined: str) -> None:
    script = f'eval "$("$PYTHON" -m dpsops local env)"{joined}echo reached'
    variables = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **SOURCE}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode != 0, "reached" in done.stdout) == (True, False)


_ODD = {"PLAIN": "http://127.0.0.1:8043", "ODD": "/home/o'neil/a b$HOME\\`x`\"/ca.pem"}


def test_the_words_for_a_shell_set_and_forget_what_they_say() -> None:
    script = f"{assigned(Shell.bash, _ODD)}\nprintenv PLAIN ODD\n{unset(Shell.bash, _ODD)}\nprintenv PLAIN ODD"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(_ODD.values())
    assert assigned(Shell.fish, {"A": "o'n\\eil"}) == "set -gx A 'o\\'n\\\\eil'"
    assert assigned(Shell.powershell, {"A": "o'neil"}) == "$env:A = 'o''neil'"
    assert assigned(Shell.dotenv, _ODD).splitlines()[0] == "PLAIN=http://127.0.0.1:8043"


def test_the_variables_are_forgotten_also_if_nothing_is_served(terminal: Terminal) -> None:
    assert terminal("local", "env", "--unset")[1].splitlines()[0] == "unset HTTPS_PROXY"
    assert terminal("local", "env", "--unset", "--shell", "powershell")[0] == 0
    assert_error(terminal("local", "env", "--unset", "--shell", "dotenv"), 2, "cannot forget", "delete the file")


def test_two_commands_that_look_for_a_server_at_the_same_time_find_none(terminal: Terminal, tmp_path: Path) -> None:
    terminal("plan")
    (tmp_path / ".dpsops" / "serve.lock").touch()  # as after a server has ended
    with open(tmp_path / ".dpsops" / "serve.lock", "rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert terminal("plan")[0] == 0


def test_a_process_that_keeps_the_lock_is_not_waited_for_for_ever(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("plan")
    monkeypatch.setattr("dpsops.emulator.authority.time.sleep", lambda _: None)
    with open(tmp_path / ".dpsops" / "tls.lock", "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert_error(terminal("plan"), 1, "another process has had tls.lock for 30 seconds", "end that process")
    assert terminal("plan")[0] == 0


def test_a_port_that_is_in_use(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert_error(terminal("local", "serve", "--port", port), 1, f"port {port} cannot be used", "--port")


def test_ports_for_clients_without_a_proxy(terminal: Terminal, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        doors = ("--listen", "127.0.0.1", "--https-port", "0", "--mqtt-port", taken)
        for more in ((), ("--detach",)):
            words = ("local", "serve", "--port", "0", *doors, *more)
            assert_error(terminal(*words), 1, f"127.0.0.1:{taken} cannot be used", "--https-port 8443 --mqtt-port 8884")
        free = str(other.getsockname()[1])
    doors = ("--listen", "127.0.0.1", "--https-port", free, "--mqtt-port", "0")
    assert terminal("local", "serve", "--detach", "--port", "0", *doors)[0] == 0
    try:
        host = "global.azure-devices-provisioning.net"
        context = ssl.create_default_context(cafile=str(tmp_path / ".dpsops" / "ca.pem"))
        with socket.create_connection(("127.0.0.1", int(free)), timeout=10) as raw:
            context.wrap_socket(raw, server_hostname=host).close()
    finally:
        assert terminal("local", "stop")[0] == 0


@pytest.mark.parametrize("listen", [(), ("--listen", "localhost"), ("--listen", "")])
def test_an_address_for_clients_without_a_proxy_is_one(terminal: Terminal, listen: tuple[str, ...]) -> None:
    assert_error(terminal("local", "serve", *listen, "--https-port", "0"), 2, "--listen 127.0.0.1")


def test_an_address_that_others_can_reach_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    for address, warned in (("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("192.0.2.7", True)):  # noqa: S104
        warn_of_others(Listen(address))
        assert (f"other machines can reach the embedded Azure at {address}" in capsys.readouterr().err) is warned
    warn_of_others(None)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the limits of another process")
def test_a_server_takes_more_devices_than_a_process_may_usually_open_files(terminal: Terminal, tmp_path: Path) -> None:
    shell = f'ulimit -Sn 256; ulimit -Hn 4096; "{sys.executable}" -m dpsops local serve --detach --port 0'
    subprocess.run(["sh", "-c", shell], cwd=tmp_path, env=os.environ | SOURCE, stderr=subprocess.DEVNULL, check=True)
    try:
        server = json.loads((tmp_path / ".dpsops" / "serve.lock").read_bytes())["process"]
        assert resource.prlimit(server, resource.RLIMIT_NOFILE) == (4096, 4096)
    finally:
        assert terminal("local", "stop")[0] == 0


def test_a_file_instead_of_the_state_directory(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / ".dpsops").touch()
    for command in (["status"], ["local", "serve"]):
        assert_error(terminal(*command), 1, ".dpsops", "permissions")


@pytest.mark.parametrize(("file", "words"), [("azure.sqlite", "file is not a database"), ("ca.pem", "PEM")])
def test_the_hint_for_a_damaged_state_is_a_reset(terminal: Terminal, tmp_path: Path, file: str, words: str) -> None:
    terminal("status")
    (tmp_path / ".dpsops" / file).write_text("nonsense")
    for command in (["status"], ["local", "serve"]):
        assert_error(terminal(*command), 1, "cannot use its state in .dpsops/", words, "dpsops local reset")
    assert terminal("local", "reset")[0] == 0
    assert terminal("status")[0] == 0


def test_the_hint_for_a_state_that_cannot_be_opened_is_not_a_reset(terminal: Terminal, tmp_path: Path) -> None:
    terminal("status")
    (tmp_path / ".dpsops" / "azure.sqlite-wal").mkdir()
    assert_error(terminal("status"), 1, "cannot use its state in .dpsops/: unable to open", "check disk space and permissions")
