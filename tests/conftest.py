"""The worlds as fixtures; see `worlds.py`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import hypothesis
import pytest
import vcr

from dpsops.emulator.identity import tokens
from dpsops.emulator.keyvault import material
from tests import documents, measured
from tests.bicep import evaluations, real
from tests.conformance import report
from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import FOLDER, Specification
from tests.key_stock import KeyStock
from tests.worlds import World, azure_world, embedded_world, forget_challenges, recorded_world, start_embedded

hypothesis.settings.load_profile("ci")  # a profile of Hypothesis: the same examples each time, no deadline, no database

RECORDINGS = Path(__file__).parent / "recordings"

_ON_AZURE = os.environ.get("DPSOPS_TEST_CLOUD") == "azure"
_RECORDING = os.environ.get("DPSOPS_TEST_RECORD") == "1"

_WORLDS = [
    pytest.param("embedded", marks=pytest.mark.embedded),
    pytest.param("recorded", marks=[pytest.mark.recorded, *([] if _RECORDING else [pytest.mark.block_network])]),
]
_AZURE = [pytest.param("azure", marks=pytest.mark.azure)]


def pytest_configure() -> None:
    """Compiles what the tests start, and pytest's own processes rewrite, once, also if no bytecode may be beside its source. The
    commands of the tests are no steps of a job that runs the tests."""
    os.environ.pop("GITHUB_ACTIONS", None)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(sys.prefix) / "pycache")


@pytest.fixture(scope="session", autouse=True)
def _keys_from_a_stock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keys = KeyStock().module()
        patch.setattr(material, "rsa", keys)
        patch.setattr(tokens, "rsa", keys)
        yield


@pytest.fixture(autouse=True)
def _no_old_challenges() -> None:
    forget_challenges()


@pytest.fixture
def unmeasured() -> None:
    """Marks a test that is not measured for coverage; see `measured.py`."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measures a test, with all that it sets up and tears down, only if it is to be measured."""
    with nullcontext() if measured.is_measured(item) else measured.nothing():
        return (yield)


@pytest.fixture(scope="session")
def _azure_api() -> Specification | None:
    return Specification.load() if FOLDER.is_dir() else None


@pytest.fixture
def embedded(tmp_path: Path, _azure_api: Specification | None, request: pytest.FixtureRequest) -> Iterator[World]:
    """The embedded Azure, over a real socket. Every exchange is checked with Azure's OpenAPI files, if they are available."""
    judge = ValidatingObserver(_azure_api) if _azure_api else None
    with start_embedded(tmp_path) as azure:
        if judge:
            azure.azure.observers.append(judge)
        yield embedded_world(azure)
    if judge:
        request.node.user_properties.append((report.JUDGED, (judge.judged, dict(judge.by_newer))))
        assert judge.violations == []
        assert judge.unmatched == []


@pytest.fixture(params=_AZURE if _ON_AZURE else _WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Each world in turn: the embedded Azure, then its recording; or, on request, the real Azure."""
    match request.param:
        case "embedded":
            yield request.getfixturevalue("embedded")
        case "recorded":
            yield from _recorded(request, tmp_path)
        case _:
            yield from _on_azure()


def _recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    cassette = RECORDINGS / f"{request.node.originalname.removeprefix('test_')}.yaml"
    tape = vcr.VCR(
        match_on=["request"],
        record_mode=vcr.mode.ALL if _RECORDING else vcr.mode.NONE,
        decode_compressed_response=True,
        ignore_hosts=["login.microsoftonline.com"],
        filter_headers=["Authorization", "User-Agent", "x-ms-client-request-id", "Accept-Encoding", "Connection"],
        before_record_request=_scrub_request,
        before_record_response=_scrub_response,
    )
    tape.register_matcher("request", _is_recorded)
    if not _RECORDING:
        with tape.use_cassette(str(cassette), allow_playback_repeats=False) as played:
            yield recorded_world()
        assert played.all_played, "the test sent less than was recorded"
        return
    cassette.unlink(missing_ok=True)
    with start_embedded(tmp_path) as azure, tape.use_cassette(str(cassette)):
        yield embedded_world(azure)


def _is_recorded(sent: Any, recorded: Any) -> bool:
    """Whether method and URL are the same, in whatever order its query is. vcrpy's own matchers parse all URLs of the cassette
    for each request."""
    if sent.method != recorded.method:
        return False
    (place, _, query), (expected, _, wanted) = sent.uri.partition("?"), recorded.uri.partition("?")
    return place == expected and (query == wanted or sorted(parse_qsl(query, True)) == sorted(parse_qsl(wanted, True)))


def _on_azure() -> Iterator[World]:
    subscription, suffix = os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["DPSOPS_TEST_SUFFIX"]
    world = azure_world(subscription, suffix)
    yield world
    clients = world.clients(world.environment)
    clients.groups.resource_groups.begin_delete(world.environment.resource_group).result()
    clients.vaults.vaults.begin_purge_deleted(world.environment.vault.name, world.environment.location).result()


_SECRETS = (
    (re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL), b"REDACTED"),
    (re.compile(rb"(SharedAccessKey=)[A-Za-z0-9+/=]{8,}"), rb"\1****"),
    (re.compile(rb'("(?:primary|secondary)Key":\s*")[^"*]+'), rb"\1****"),
    (re.compile(rb"eyJ[\w-]{8,}(?:\.[\w-]+)+"), b"REDACTED"),
)


def scrub(body: bytes) -> bytes:
    """A body without private keys, shared access keys, listed keys and tokens."""
    for secret, instead in _SECRETS:
        body = secret.sub(instead, body)
    return body


def _scrub_request(request: Any) -> Any:
    if request.body:
        request.body = scrub(_bytes(request.body))
    return request


def _scrub_response(response: Any) -> Any:
    response["body"]["string"] = scrub(response["body"]["string"] or b"")
    kept = {"content-type", "date", "retry-after", "azure-asyncoperation", "location", "www-authenticate"}
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() in kept}
    return response


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails a session of all tests of the command line if no document in it has had some property of a schema."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and _runs_the_command_line(session.config) and _unseen(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _runs_the_command_line(config: pytest.Config) -> bool:
    folder, given = Path(__file__).parent / "cli", config.option
    narrowed = given.keyword or given.markexpr or given.deselect or given.collectonly
    places = [config.rootpath / each for each in config.args]
    return not narrowed and any(place == folder or place in folder.parents for place in places)


def _unseen(reporter: pytest.TerminalReporter) -> list[str]:
    reports = [each for each in reporter.getreports("") if isinstance(each, pytest.TestReport)]
    return documents.unseen(value for each in reports for name, value in each.user_properties if name == documents.SEEN)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends the session with what became of the recordings, of the tests' exchanges, of the real Bicep compiler's templates, and
    of its evaluator's values.

    It stands here because the process that reports, of several, reads no conftest.py further down.
    """
    ended = [each for outcome in ("passed", "failed", "xfailed") for each in terminalreporter.getreports(outcome)]
    reports = [each for each in ended if isinstance(each, pytest.TestReport)]
    teardowns = [each for each in terminalreporter.getreports("") if isinstance(each, pytest.TestReport)]
    if lines := list(report.exchanges(teardowns)):
        terminalreporter.section("the exchanges of the tests against Azure's OpenAPI files")
        for line in lines:
            terminalreporter.write_line(line)
    if files := report.gather(reports):
        terminalreporter.section("the embedded Azure against recorded traffic")
        for line in report.lines(files):
            terminalreporter.write_line(line)
    if templates := [value for each in reports for name, value in each.user_properties if name == real.PROPERTY]:
        refused = sorted(str(each) for each in templates if each != real.MADE)
        terminalreporter.section("our Bicep compiler against the real one")
        terminalreporter.write_line(f"{len(templates) - len(refused)} templates made to the letter, {len(refused)} refused")
        for line in refused:
            terminalreporter.write_line(f"  {line}")
    if _runs_the_command_line(terminalreporter.config) and (lines := _unseen(terminalreporter)):
        terminalreporter.section("properties in docs/schemas that no document of a test has", red=True)
        for line in lines:
            terminalreporter.write_line(line)
    if found := evaluations.gather(reports):
        terminalreporter.section("the embedded Azure against Bicep's evaluator")
        for line in evaluations.lines(found):
            terminalreporter.write_line(line)
