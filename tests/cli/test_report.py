"""`status --report` at the terminal, and what the page says."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dpsops.cli.report.page import render
from dpsops.model.census import Fleet, Wait
from dpsops.model.member import WaitingDevice
from dpsops.pki.names import DeviceId
from tests.cli.terminal import Terminal, assert_error
from tests.reports import HOSTILE, NOW, SCENES, counted, fresh, healthy, hostile, left_behind, member, rotating, status

_VOID = {"meta", "br", "img", "link", "input"}


class Reader(HTMLParser):
    """A page as somebody reads it: its text, its elements, and whether each one that begins also ends."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.names.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element that is empty."""
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Requires that elements are nested."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Notes what is read."""
        if "style" not in self.open:
            self.words.append(data)


@pytest.mark.parametrize("scene", SCENES)
def test_a_page_needs_nothing_but_itself(scene: str) -> None:
    page = Reader(render(SCENES[scene](), NOW))
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "form", "object", "base"} & set(page.names)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert page.names.count("h1") == 1
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))
    named = {each for name, value in page.attributes if name == "aria-labelledby" for each in (value or "").split()}
    assert named <= set(identifiers)


@pytest.mark.parametrize(
    ("scene", "verdict"),
    [
        ("empty", "Nothing exists yet."),
        ("fresh", "Nothing is wrong."),
        ("all well", "Nothing is wrong."),
        ("healthy", "2 things to do."),
        ("rotating", "1 thing to do."),
        ("breached", "A root is compromised."),
        ("troubled", "The root cannot be used."),
    ],
)
def test_the_headline_is_the_verdict(scene: str, verdict: str) -> None:
    page = render(SCENES[scene](), NOW)
    assert f"<h1>{verdict}</h1>" in page
    assert f"<title>test: {verdict}</title>" in page


def test_nothing_that_comes_from_outside_is_markup() -> None:
    page = render(hostile(), NOW)
    assert "<script" not in page
    assert "<img" not in page
    text = Reader(page).text
    assert f"Root CN={HOSTILE}" in text
    assert f"{HOSTILE} is odd:" in text
    assert text.count(HOSTILE) == 5


def test_a_command_is_typed_as_it_is_spoken() -> None:
    page = render(rotating(), NOW, spoken=lambda text: text.replace("dpsops ", "dpsops --env plant "))
    assert "<code>dpsops --env plant rotate --replace root-g1</code>" in page


def test_a_rotation_shows_both_roots_and_whom_it_waits_for() -> None:
    text = Reader(render(rotating(), NOW)).text
    assert "root-g1 secondary Key Vault root-g1 valid until 2026-05-20" in text
    assert "root-g2 primary Key Vault root-g2 RSA-3072, not exportable valid until 2036-02-27" in text
    assert "167 devices have not moved yet" in text
    assert "2026-03-22 in 21 days the grace period of 30 days ends, and root-g1 may be retired" in text


def test_who_was_left_behind_is_named() -> None:
    text = Reader(render(left_behind(12), NOW)).text
    assert "12 devices left behind" in text
    assert "2 more press-00010 press-00011" in text
    assert "a new certificate, brought to them : the last rotation has left them behind 12" in text


def test_what_was_not_seen_is_said() -> None:
    seen = Reader(render(SCENES["half blind"](), NOW)).text
    assert "What was not seen The device identities in the hubs" in seen
    assert "which one they use was not read" in seen
    assert "The age of 60 certificates" in seen
    assert "What was not seen" not in Reader(render(healthy(), NOW)).text
    assert "The devices were not counted one by one" in Reader(render(SCENES["troubled"](), NOW)).text


def test_the_hub_of_nobody_is_drawn() -> None:
    found = fresh()
    text = Reader(render(replace(found, hubs=found.hubs[:1]), NOW)).text
    assert "iot-plant-north 0 devices iot-plant-south does not exist" in text
    gone = replace(member(1), hub="iot-gone.azure-devices.net")
    elsewhere = replace(found, fleet=counted([gone]))
    assert "iot-gone 1 device, not in the settings" in Reader(render(elsewhere, NOW)).text


def test_a_page_on_a_hundred_thousand_devices_is_no_book() -> None:
    def many() -> Fleet:
        names = [f"{'n' * 120}{number:06}" for number in range(100_000)]
        late = [WaitingDevice(DeviceId(name), "last registered with an older certificate") for name in names]
        found = counted(member(number, 2, name=name, uses="older") for number, name in enumerate(names))
        return replace(found, listed=tuple(late[:1000]), late=len(late), waits={Wait.NEW: 100_000})

    observed = rotating().view
    assert observed is not None
    page = render(status(observed.observed, many(), ("dpsops rotate",)), NOW)
    assert len(page) < 400_000
    assert "And 99,000 that are not listed here." in page


def test_the_report_of_an_environment(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "press-02")
    file = tmp_path / "status.html"
    assert "counting the devices" not in terminal("status")[2]
    code, out, err = terminal("status", "--report", str(file))
    assert (code, out.splitlines()[-1]) == (0, f"report       {file}")
    assert "counting the devices" in err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = Reader(file.read_text()).text
    assert "local on the embedded Azure: nothing here is real" in text
    assert "to register for the first time : no hub is assigned to them 2 Which press-01 press-02" in text
    for secret in ("SharedAccess", "PRIVATE KEY", "eyJ", "/subscriptions/"):
        assert secret not in file.read_text()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".dpsops-")] == []


def test_the_commands_of_a_page_lead_to_its_environment(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "local.toml").rename(tmp_path / "infra" / "plant.toml")
    assert terminal("--env", "plant", "status", "--rehearse", "--report", "status.html")[0] == 0
    page = (tmp_path / "status.html").read_text()
    assert "<code>dpsops --env plant --rehearse up</code>" in page
    assert "<strong>plant</strong> on the embedded Azure: nothing here is real" in page


def test_the_document_names_the_report(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.json("status")["report"] is None
    file = tmp_path / "status.html"
    file.write_text("an older one")
    assert terminal.json("status", "--report", str(file))["report"] == str(file)
    assert "Nothing exists yet." in file.read_text()


@pytest.mark.parametrize("name", ["no/such/folder/status.html", ".", "pipe"])
def test_a_report_that_cannot_be_written_is_refused_at_once(terminal: Terminal, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = terminal("status", "--report", name)
    assert_error(result, 2, f"the report {name} cannot be written")
    assert "reading" not in result[2]


def test_a_report_is_there_or_it_is_as_it_was(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, link = tmp_path / "status.html", tmp_path / "latest.html"
    file.write_text("as it was")
    link.symlink_to(file)

    def fails(*_: object, **__: object) -> str:
        raise OSError("the network")

    monkeypatch.setattr("dpsops.cli.report.page.render", fails)
    assert terminal("status", "--report", str(link))[0] == 1
    assert file.read_text() == "as it was"
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["latest.html", "status.html"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert terminal("status", "--report", str(link))[0] == 0
    assert link.is_symlink()
    assert "Nothing exists yet." in file.read_text()


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    page = render(fresh(), NOW + timedelta(days=1))
    assert len(re.findall(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", page)) == 1
    assert "default-src 'none'" in page
