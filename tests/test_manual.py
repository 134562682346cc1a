"""The pages for people: every block of a console in docs/ and the README is typed, and prints what the page shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
import typer

from dpsops.cli.main import app
from reference.markdown import anchor
from tests.cli.terminal import served
from tests.pages import ROOT, Block, Reader, blocks, normal, pattern, same_order, settle, steps

pytestmark = pytest.mark.usefixtures("unmeasured")

PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.parent.name != "reference"  # which is written from the code
}
RUNBOOK = "docs/runbook.md"
"""`test_runbook.py` and `test_runbook_vault.py` type it."""

SHELLS = ("console", "sh", "bash")


def _serves_itself(directory: Path) -> None:
    """Its reader begins a server, and runs a program of their own."""
    settle(directory, "local", "dev")
    (directory / "my_program.py").write_text(
        "from azure.identity import EnvironmentCredential\n"
        "assert EnvironmentCredential().get_token('https://vault.azure.net/.default').token\n"
    )


def _settled(directory: Path) -> None:
    """Its reader has settings."""
    settle(directory, "local", "dev", "prod")


def _empty(_: Path) -> None:
    """Its reader begins with nothing."""


ALONE: dict[str, Callable[[Path], None]] = {
    "README.md": _serves_itself,
    "docs/emulator.md": _serves_itself,
    "docs/how-to/device-code.md": _settled,
    "docs/tutorial.md": _empty,
}
"""The pages whose reader has no server yet, each with what is in their directory."""


IN_AZURE = {"docs/doctor.md", "docs/how-to/real-environment.md"}
"""The pages whose reader works in Azure: the variables of `local env` let them work on the embedded one."""


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if steps(text) and page != RUNBOOK])
def test_every_command_of_a_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    ALONE.get(page, _settled)(tmp_path)
    reader = Reader(tmp_path)
    try:
        with nullcontext() if page in ALONE else served(tmp_path):  # faster: no command starts an embedded Azure of its own
            if page in IN_AZURE:
                reader.type('eval "$(dpsops local env)"')
            reader.follow(PAGES[page])
    finally:
        if page in ALONE:
            with suppress(AssertionError):
                reader.type("dpsops local stop")


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_nobody_types_says_why(page: str) -> None:
    for block in blocks(PAGES[page]):
        if block.language in SHELLS and not block.steps:
            assert len(block.untyped.split()) > 3, f"{page}: mark it <!-- not typed: REASON -->, or type it\n{block.text}"


def test_no_block_is_overlooked() -> None:
    for page, text in PAGES.items():
        assert len(re.findall(r"^```\w", text, re.MULTILINE)) == len(list(blocks(text))), page
        for block in blocks(text):
            assert block.language != "console" or block.text.startswith("$ "), f"{page}\n{block.text}"


@pytest.mark.parametrize("page", PAGES)
def test_what_nobody_types_names_commands_and_options_that_there_are(page: str) -> None:
    for block in blocks(PAGES[page]):
        if not block.steps:
            for line in _joined(block):
                _require_words(line)


def _joined(block: Block) -> list[str]:
    return [line for line in block.text.replace("\\\n", " ").splitlines() if re.match(r"\s*(\$ |- run: )?dpsops ", line)]


def _require_words(line: str) -> None:
    here = typer.main.get_command(app)
    options = [*here.params]
    for word in line.partition("dpsops ")[2].partition(" #")[0].split():
        if inner := getattr(here, "commands", {}).get(word):
            here = inner
            options += here.params
        elif re.fullmatch(r"--[a-z][a-z-]*", word) and word != "--help":
            assert any(word in option.opts for option in options), f"{line}: {word}"


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    for page, text in PAGES.items():
        for target, heading in re.findall(r"\]\((?!https?://|mailto:)([^)#]*)#?([^)]*)\)", text):
            there = ((ROOT / page).parent / target) if target else ROOT / page
            assert there.exists(), f"{page}: {target}"
            if heading:
                headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                assert heading in map(anchor, headings), f"{page}: {target}#{heading}"


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([\w/-]+\.md)", PAGES["docs/README.md"]))
    assert sorted({page.removeprefix("docs/") for page in PAGES} - linked - {"README.md"}) == []


# The mechanism


@pytest.mark.parametrize(("line", "printed"), [("a … c", "a bb c"), ("✓ x: until …", "✓ x: until 2027"), ("same", "same")])
def test_an_ellipsis_matches_anything(line: str, printed: str) -> None:
    assert pattern(line).fullmatch(printed)
    assert not pattern(line).fullmatch(f"{printed[:-1]}?" if "…" not in line[-1:] else printed[1:])


def test_what_is_another_one_each_time_is_the_same() -> None:
    assert normal("until 2027-11-28T14:13:08Z") == normal("until 2031-01-02T00:00:00Z")
    assert normal(f"x {'A' * 64} y") == normal(f"x {'0' * 64} y") != normal(f"x {'0' * 63} y")
    assert normal("0ne0011C6F3") != normal("1ne0011C6F3")


def test_only_devices_that_are_neighbours_come_in_any_order() -> None:
    assert same_order(["✓ press-08: a", "✓ press-07: a"]) == same_order(["✓ press-07: a", "✓ press-08: a"])
    assert same_order(["✓ press-08: b", "✓ press-07: a"]) != same_order(["✓ press-07: a", "✓ press-08: b"])


def test_a_block_to_the_letter_prints_nothing_else(tmp_path: Path) -> None:
    page = "<!-- typed: to the letter -->\n```console\n$ echo a; echo 2027-11-28\na\n2031-01-01\n```\n"
    Reader(tmp_path).follow(page)
    for wrong in (page.replace("\n2031-01-01", ""), page.replace("\na\n", "\na\nb\n"), page.replace("2031-01-01", "x")):
        with pytest.raises(AssertionError):
            Reader(tmp_path).follow(wrong)


def test_a_reader_keeps_variables_and_stops_at_a_failure(tmp_path: Path) -> None:
    Reader(tmp_path).follow("```console\n$ export A=1\n$ echo \\\n    $A\n1\n```\n")
    with pytest.raises(AssertionError, match="false"):
        Reader(tmp_path).follow("```console\n$ false\n```\n")


def test_a_block_that_is_not_typed_is_not() -> None:
    (block,) = blocks("<!-- not typed: it is a joke of ours -->\n```console\n$ false\n```\n")
    assert (block.steps, block.untyped) == ([], "it is a joke of ours")
