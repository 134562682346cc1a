"""`dpsops rotate`, `root csr` and `root merge`, from arguments to exit code."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.errors import Error
from tests.cli.terminal import Terminal, assert_error, assert_error_free


def phases(terminal: Terminal, *arguments: str) -> str:
    """The phase after a command that succeeds."""
    phase: str = terminal.json("rotate", *arguments)["rotation"]["phase"]
    return phase


def test_a_rotation_step_by_step(terminal: Terminal) -> None:
    assert_error(terminal("rotate"), 1, "there is no host", "dpsops up")
    terminal("up")
    terminal("device", "issue", "press-07")
    terminal("device", "register", "press-07", "--transport", "https")
    before = terminal.json("rotate", "status")["rotation"]
    assert (before["phase"], before["next"], before["waiting_for"]) == ("stable", None, [])

    first = terminal.json("rotate", "--replace", "root-g1")
    assert first["changed"] is True
    assert first["actions"][0] == {"action": "create key of", "target": "root root-g2", "outcome": "key created"}
    assert (first["rotation"]["phase"], first["rotation"]["next"]) == ("staged", "prove")
    assert [phases(terminal) for _ in range(5)] == ["proven", "overlapping", "reissuing", "promoted", "draining"]

    waiting = terminal.json("rotate")
    assert (waiting["changed"], waiting["actions"]) == (False, [])
    assert waiting["rotation"]["waiting_for"] == ["press-07"]
    code, out, _ = terminal("rotate")
    assert (code, out.splitlines()[0]) == (0, "Nothing changed.")
    assert "[DRAINING]" in out
    assert "waits   press-07  last registered with an older certificate" in out
    assert_error_free(terminal("status"), "a rotation to root-g2 is under way (draining): dpsops rotate --replace root-g1")
    assert terminal.json("status")["rotation"] == {"phase": "draining", "next": "retire"}

    terminal("device", "register", "press-07", "--transport", "https")
    assert [phases(terminal) for _ in range(2)] == ["retired", "stable"]
    old, new = terminal.json("rotate", "status")["rotation"]["generations"]
    assert (old["name"], old["vault"], old["dps"], old["group"], old["leaves"]) == ("root-g1", "retired", "absent", None, 0)
    assert (new["name"], new["vault"], new["dps"], new["group"], new["leaves"]) == ("root-g2", "whole", "verified", "primary", 1)
    assert new["subject"] == "CN=dpsops local root G2"
    assert terminal.json("status")["root"]["name"] == "root-g2"
    assert terminal.json("root", "show")["root"]["generation"] == 2


def test_until_grace_and_undo(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    assert phases(terminal, "--replace", "root-g1", "--until", "overlapping") == "overlapping"
    undone = terminal.json("rotate", "undo")
    assert [action["outcome"] for action in undone["actions"]] == [
        "trusts root-g1",
        "disabled in the vault, not deleted",
        "removed",
    ]
    again = terminal.json("rotate", "undo")
    assert (again["changed"], again["notes"]) == (False, ["the rotation to root-g2 is undone: nothing of it is left to do"])
    assert phases(terminal, "--replace", "root-g1", "--until", "stable") == "draining"
    assert_error(terminal("rotate", "undo"), 1, "1 device(s) have a certificate under root-g3", "could not register")
    left = terminal("rotate", "--replace", "root-g1", "--until", "stable", "--grace", "0")
    assert_error(left, 1, "press-07 (never registered)", "dpsops rotate --replace root-g1 --grace 0 --yes")
    assert terminal.json("rotate", "status")["rotation"]["phase"] == "draining"
    assert phases(terminal, "--replace", "root-g1", "--until", "stable", "--grace", "0", "--yes") == "stable"
    assert terminal.json("root", "show")["root"]["name"] == "root-g3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until", "nonsense"], "'nonsense' is not a phase of a rotation"),
        (["--until", "breached"], "is not a phase of a rotation"),
        (["--grace", "-1"], "greater than or equal to 0"),
        (["--grace", "9999999999"], "less than or equal to 3650"),
        (["--grace", "0", "status"], "an option before 'status' has no effect"),
        (["--until", "stable", "undo"], "an option before 'undo' has no effect"),
        (["--replace", "contoso"], "'contoso' is not the name of a root"),
        (["--replace", "root-g1", "status"], "an option before 'status' has no effect"),
        (["--compromised", "--until", "proven"], "--compromised takes all steps"),
        (["--compromised"], "pass --yes"),
        (["bogus"], "bogus"),
    ],
)
def test_wrong_use(terminal: Terminal, arguments: list[str], words: str) -> None:
    if arguments == ["--compromised"]:
        terminal.stand()
    assert_error(terminal("rotate", *arguments), 2, words)


def test_compromised_asks_for_the_name_of_the_environment(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    for number, (answer, code, words) in enumerate(
        (
            ("nonsense", 1, b"declined: nothing was changed"),
            ("local", 0, b"root root-g2"),
            ("local", 0, b"root-g2 has already replaced the compromised root root-g1. Continue only if it is compromised too."),
        )
    ):
        if number == 2:
            again = terminal("rotate", "--compromised", "--yes")
            assert_error(
                again,
                1,
                "root-g2 has already replaced the compromised root root-g1",
                "dpsops rotate --compromised --replace root-g2 --yes",
            )
            assert terminal.json("status")["root"]["name"] == "root-g2"
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "dpsops", "rotate", "--compromised"]
        path = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(
            command, cwd=tmp_path, env=path, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as asked:
            os.write(ours, answer.encode() + b"\n")
            out, err = asked.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert asked.returncode == code
        assert b"1 device(s) cannot connect until they have a new certificate: press-07" in err
        assert b"Type the name of the environment (local) to continue" in err
        assert words in out + err
    assert terminal.json("status")["root"]["name"] == "root-g3"


def test_compromised_with_yes_does_not_ask(terminal: Terminal) -> None:
    terminal.stand()
    done = terminal.json("rotate", "--compromised", "--yes")
    assert done["actions"][0] == {"action": "condemn", "target": "root root-g1", "outcome": "marked as compromised"}
    assert done["rotation"]["phase"] == "stable"


def test_what_was_done_is_printed_before_an_error(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """No later run would name the devices that were cut off."""
    terminal.stand()
    terminal("device", "issue", "press-07")
    terminal("device", "register", "press-07", "--transport", "https")
    with monkeypatch.context() as broken:
        break_signing(broken)
        stopped = terminal("rotate", "--compromised", "--yes")
    assert_error(stopped, 1, "✓ root root-g1: marked as compromised\n", "✓ identity press-07 in ", "the key of root-g2 is lost")
    status = terminal("status")[1]
    assert "root-g1 is compromised and is being replaced: dpsops rotate --compromised --replace root-g1" in status
    assert terminal.json("rotate", "--compromised", "--replace", "root-g1", "--yes")["rotation"]["phase"] == "stable"


def break_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next root cannot be created."""

    def lost(*_: object) -> None:
        raise Error("the key of root-g2 is lost", "look for it")

    monkeypatch.setattr("dpsops.workflows.rotation.planned.make_root", lost)


def test_a_forgotten_request_is_skipped_after_a_breach(terminal: Terminal) -> None:
    """A request that waits for another CA stops no way back."""
    terminal.stand()
    terminal("device", "issue", "press-07")
    terminal("root", "csr")
    done = terminal.json("rotate", "--compromised", "--yes")
    assert (done["rotation"]["phase"], done["rotation"]["generations"][-1]["name"]) == ("stable", "root-g3")
    assert terminal.json("device", "register", "press-07", "--transport", "https")["status"] == "assigned"


def openssl(directory: Path, *arguments: str) -> None:
    """Runs openssl in a directory."""
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def test_a_root_that_another_ca_signs(terminal: Terminal, tmp_path: Path) -> None:
    """The other CA is openssl."""
    terminal.stand()
    terminal("device", "issue", "press-07")
    request = terminal.json("root", "csr")
    assert (request["name"], request["common_name"]) == ("root-g2", "dpsops local root G2")
    assert "basicConstraints CA:FALSE" in request["asks_for"][-1]
    assert "basicConstraints critical CA:TRUE, pathlen:0" in request["must_have"]
    code, out, err = terminal("root", "csr", "--out", "root.csr")
    assert (code, out) == (0, "")
    assert "the CA must issue, whatever it asks for: basicConstraints critical CA:TRUE, pathlen:0; keyUsage" in err
    assert (tmp_path / "root.csr").read_text() == request["csr"]
    assert_error(
        terminal("rotate", "--replace", "root-g1"),
        1,
        "root-g2 waits for a certificate that another CA must sign",
        "dpsops root merge CERT CHAIN",
    )
    next_ = "next    dpsops root merge CERT CHAIN: root-g2 waits for a certificate that another CA must sign\n"
    assert terminal("rotate", "status")[1].endswith(next_)

    openssl(
        tmp_path, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
        "-out", "ca.pem", "-subj", "/CN=Company CA", "-days", "4000", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:1",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    (tmp_path / "extensions").write_text(
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    )
    openssl(
        tmp_path, "x509", "-req", "-in", "root.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "3000", "-out", "root-g2.pem",
        "-extfile", "extensions", "-set_serial", "77",
    )  # fmt: skip
    assert_error(terminal("root", "merge", "root.csr", "ca.pem"), 2, "root.csr is the request itself, and no certificate")
    assert_error(terminal("root", "merge", "missing.pem", "ca.pem"), 2, "missing.pem cannot be read: No such file")
    assert_error(terminal("root", "merge", "ca.pem", "ca.pem"), 2, "is for another key than the request")
    assert_error_free(terminal("root", "merge", "root-g2.pem", "ca.pem"), "✓ root root-g2: merged")
    assert terminal("root", "merge", "root-g2.pem", "ca.pem")[1] == "Nothing changed: it is already finished.\n"
    assert_error(terminal("root", "csr"), 1, "a rotation to root-g2 is under way (staged)")
    assert phases(terminal, "--until", "stable", "--grace", "0", "--yes") == "stable"
    assert terminal("root", "export")[1].strip() == (tmp_path / "root-g2.pem").read_text().strip()
    assert terminal.json("device", "register", "press-07", "--transport", "https")["status"] == "assigned"
