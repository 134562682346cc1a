"""`device register --csr-renewal`: a device asks for its certificate by itself, and what the other commands say of it then."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, Terminal, assert_error, assert_error_free

POLICY = '[group]\ncertificate_policy = { namespace = "adr-plant", authority = "ca-plant", name = "monthly" }\n'
HUB = "iot-dpsops-local.azure-devices.net"


@pytest.fixture
def issuing(terminal: Terminal, tmp_path: Path) -> Terminal:
    """An environment whose enrollments name a certificate policy, with the device press-07."""
    (tmp_path / "infra" / "local.toml").write_text(LOCAL + POLICY)
    terminal.stand()
    assert terminal("device", "issue", "press-07")[0] == 0
    return terminal


@pytest.mark.parametrize("transport", ["mqtt", "https"])
def test_a_device_asks_for_its_certificate_and_renews_it(issuing: Terminal, transport: str) -> None:
    done = issuing.json("device", "register", "press-07", "--csr-renewal", "--transport", transport)
    assert (done["assigned_hub"], done["transport"], done["message_sent"]) == (HUB, transport, transport == "mqtt")
    found = [each for each in (done["issued"], done["renewed"]) if each is not None]
    assert len(found) == (2 if transport == "mqtt" else 1)
    for each in found:
        assert (each["subject"], each["issuer"]) == ("CN=press-07", "CN=adr-plant monthly")
        life = datetime.fromisoformat(each["not_after"]) - datetime.fromisoformat(each["not_before"])
        assert life == timedelta(days=30, minutes=5)
    assert len({each["serial"] for each in found}) == len({each["thumbprint"] for each in found}) == len(found)


def test_it_says_what_was_issued(issuing: Terminal) -> None:
    code, out, _ = issuing("device", "register", "press-07", "--csr-renewal")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 4)
    assert lines[0].startswith("✓ press-07: registered over mqtt, assigned to ")
    assert lines[1].startswith("✓ press-07: Azure has issued a certificate: CN=press-07, serial ")
    assert ", issued by CN=adr-plant monthly, valid 20" in lines[1]
    assert lines[2].startswith("✓ press-07: connected to the hub with it, and renewed it there: CN=press-07, serial ")
    assert lines[3] == "✓ press-07: connected to the hub and sent a message"


def test_it_may_be_said_again(issuing: Terminal) -> None:
    for _ in range(2):
        assert_error_free(issuing("device", "register", "press-07", "--csr-renewal"), "renewed it there")
    plain = issuing.json("device", "register", "press-07")
    assert (plain["message_sent"], plain["issued"], plain["renewed"]) == (True, None, None)


@pytest.mark.parametrize("transport", ["mqtt", "https"])
def test_nothing_is_issued_if_the_enrollment_names_no_policy(terminal: Terminal, tmp_path: Path, transport: str) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    register = ("device", "register", "press-07", "--csr-renewal", "--transport", transport)
    assert_error(terminal(*register), 1, "DPS has issued no certificate", "[group] certificate_policy", "dpsops up")
    (tmp_path / "infra" / "local.toml").write_text(LOCAL + POLICY)
    assert terminal("up")[0] == 0
    assert_error_free(terminal(*register), "Azure has issued a certificate")


def test_an_individual_enrollment_needs_it_too(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07", "--individual")
    (tmp_path / "infra" / "local.toml").write_text(LOCAL + POLICY)
    terminal("up")
    register = ("device", "register", "press-07", "--csr-renewal", "--transport", "https")
    assert_error(terminal(*register), 1, "dpsops device issue press-07 --individual")
    assert terminal("device", "issue", "press-07", "--individual")[0] == 0
    assert_error_free(terminal(*register), "Azure has issued a certificate")


@pytest.mark.parametrize("transport", ["mqtt", "https"])
def test_what_dps_refuses_is_refused(issuing: Terminal, transport: str) -> None:
    issuing("device", "block", "press-07")
    register = ("device", "register", "press-07", "--csr-renewal", "--transport", transport)
    assert_error(issuing(*register), 1, "the enrollment of this certificate is disabled")


def test_a_bundle_is_enough(issuing: Terminal) -> None:
    issuing("device", "export", "press-07", "--to", ".")
    scope = issuing.json("status")["dps"]["id_scope"]
    bundle = ("--bundle", "press-07.pem", "--id-scope")
    assert_error_free(issuing("device", "register", "press-07", "--csr-renewal", *bundle, scope), "renewed it there")
    assert_error(
        issuing("device", "register", "press-07", "--csr-renewal", *bundle, "0ne00000000"), 1, "DPS refused the connection"
    )


def test_the_other_commands_say_what_is_known_of_it(issuing: Terminal) -> None:
    issuing("device", "register", "press-07", "--csr-renewal", "--transport", "https")
    for found in (issuing.json("device", "show", "press-07"), issuing.json("device", "list")["devices"][0]):
        assert (found["issued_by_azure"], found["registered_thumbprint"], found["hub"]) == (True, None, HUB)
    shown = issuing("device", "show", "press-07")[1]
    assert "with         unknown: it connects with a certificate that Azure issues\n" in shown
    assert "identity     enabled\n" in shown
    assert issuing("device", "list")[1].rstrip().endswith(", with a certificate that Azure issues")
