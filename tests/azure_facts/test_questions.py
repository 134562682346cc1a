"""A whole run in worlds of the embedded Azure that are set oppositely: each question is answered as its world is set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml

from azure_facts.questions import QUESTIONS
from azure_facts.scrub import KEY
from dpsops.azure.clients import Clients
from dpsops.azure.transport import new_session
from dpsops.azure.wire import Wire
from dpsops.cli.connection import Connection
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.world import Clock
from dpsops.model.roles import Principal
from dpsops.model.run import Run
from tests.azure_facts.worlds import WORLDS, Ran, ask_all, connect, expected, found, part_of, remains, strings
from tests.conformance.recordings import read_recording
from tests.test_recordings import layers
from tests.worlds import BEGINNING, SLOW, RecordedCredential, Stopwatch, embedded_world, idle_loop, pool_over, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

LATE = replace(SLOW, role=500)
"""Roles take effect so late that the first questions that need them wait."""


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    """The name of a world."""
    return str(request.param)


@pytest.fixture(scope="module")
def ran(world: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A run in that world, which left nothing."""
    place = tmp_path_factory.mktemp(world)
    with start_embedded(place, LATE) as azure:
        azure.azure.habits = WORLDS[world]
        here = embedded_world(azure)
        ended = ask_all(here, place, watched=True)
        azure.azure.observers.clear()
        assert remains(here) == []
        yield ended


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_a_question_is_answered_as_the_world_is_set(ran: Ran, world: str, question: Any) -> None:
    wanted = expected(WORLDS[world])[question.name]
    assert part_of(found(ran.results)[question.name], wanted) == wanted


def test_no_two_worlds_answer_alike() -> None:
    """Each question tells the worlds apart: an answer that is always the same would be found."""
    alike = [name for name in expected(WORLDS["one"]) if expected(WORLDS["one"])[name] == expected(WORLDS["other"])[name]]
    assert alike == []
    assert {each.name for each in QUESTIONS} == expected(WORLDS["one"]).keys()


def test_a_refused_link_by_identity_is_quoted(ran: Ran, world: str) -> None:
    refusal = found(ran.results)["identity-link"]["refusal"]
    assert ("is not supported" in refusal) is not WORLDS[world].identity_links


def test_each_answer_is_one_line_and_in_the_document(ran: Ran) -> None:
    document = json.loads((ran.folder / "answers.json").read_text())
    assert [each["question"] for each in document["answers"]] == [each.name for each in QUESTIONS]
    assert [each["line"] for each in document["answers"]] == ran.lines
    assert all(line and "\n" not in line for line in ran.lines)
    assert [each["not_answered"] for each in document["answers"]] == [None] * len(QUESTIONS)
    assert document["left"] == ran.results.left == []


def test_all_that_azure_was_asked_is_on_tape(ran: Ran) -> None:
    taped = [each for path in ran.cassettes for each in interactions(path)]
    assert len(taped) == len(ran.secrets.exchanges) > 200
    assert [path.stem for path in ran.cassettes] == sorted(["making", "removing", *(each.name for each in QUESTIONS)])


def test_it_waits_for_its_roles(ran: Ran) -> None:
    denied = [path.stem for path in ran.cassettes for each in interactions(path) if each["response"]["status"]["code"] == 403]
    assert len(denied) > 5


def test_the_cassettes_hold_no_secret(ran: Ran) -> None:
    kept = [text for path in ran.cassettes for text in strings(interactions(path))]
    kept.append((ran.folder / "answers.json").read_text())
    everything = "\n".join(deeper for text in kept for layer in layers(text) for deeper in layers("".join(layer.split())))
    plain = "".join(everything.split())
    secrets = ran.secrets.known
    assert {kind for kind, values in secrets.items() if values} == {
        "ID", "client secret", "key", "private key", "token", "verification code",
    }  # fmt: skip
    assert len(secrets["key"]) > 15
    assert len(secrets["verification code"]) >= 4
    assert [(kind, each) for kind, values in secrets.items() for each in values if each in plain or each.lower() in plain] == []
    assert "SharedAccessSignature" not in everything
    assert "PRIVATE KEY" not in everything


def test_the_secrets_were_there_to_be_found(ran: Ran) -> None:
    """Links and policies, codes and proofs are on tape, without what makes them secret."""
    text = "\n".join(strings([interactions(path) for path in ran.cassettes]))
    assert f"SharedAccessKey={KEY}" in text
    assert f'"primaryKey":"{KEY}"' in text.replace(" ", "")
    assert '"verificationCode":"' + "0" * 48 in text.replace(" ", "")
    assert '"certificate":"scrubbed"' in text.replace(" ", "")
    assert "SharedAccessKey=****" in text, "what is masked stays masked"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_a_cassette_can_be_replayed(ran: Ran, question: Any) -> None:
    with vcr.VCR(record_mode=vcr.mode.NONE).use_cassette(str(ran.folder / f"{question.name}.yaml")) as played:
        fact = question.ask(replayed(ran))
        assert played.all_played
    assert json.loads(json.dumps(asdict(fact))) == json.loads(ran.scrubber.text(json.dumps(found(ran.results)[question.name])))


def test_the_conformance_suite_can_read_a_cassette(ran: Ran) -> None:
    for path in ran.cassettes:
        recording = read_recording(path, (ran.folder,))
        assert recording is not None
        assert len(recording.exchanges) == len(interactions(path)), path.name


def interactions(path: Path) -> list[Any]:
    """What is on a cassette."""
    taped: list[Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["interactions"]
    return taped


def replayed(ran: Ran) -> Connection:
    """A connection to a cassette: nobody is signed in, and time moves only by waiting."""
    from azure_facts import group
    from tests.azure_facts.worlds import NAME

    clock, session = Clock(frozen_at=BEGINNING.timestamp()), new_session()
    transport = Stopwatch(clock, session=session, session_owner=False)
    own = group.environment(NAME, "westeurope")
    clients = Clients(own, ran.scrubber.subscription, RecordedCredential(), transport, pool_over(transport))
    clients.caller = Principal(ran.scrubber.text(OPERATOR.object_id), "ServicePrincipal")
    return Connection(Run(own, lambda: BEGINNING, clients.sleep, idle_loop()), clients, Wire())


def test_it_is_run_again_beside_others(tmp_path: Path) -> None:
    """What somebody else has in the subscription stays as it is."""
    with start_embedded(tmp_path) as azure:
        world = embedded_world(azure)
        groups = world.connect().clients.groups.resource_groups
        from azure.mgmt.resource.resources.models import ResourceGroup

        groups.create_or_update("rg-somebodys", ResourceGroup(location="westeurope", tags={"azure-facts": "t3st"}))
        before = groups.get("rg-somebodys").as_dict()
        assert all(each.fact for each in ask_all(world, tmp_path).results.answers)
        assert [each.name for each in connect(world).clients.groups.resource_groups.list()] == ["rg-somebodys"]
        assert groups.get("rg-somebodys").as_dict() == before
