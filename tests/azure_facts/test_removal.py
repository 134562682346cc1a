"""Whatever happens to a run, nothing of it is left; and it removes nothing of anybody else's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.resource.resources.models import ResourceGroup

from azure_facts import group, run
from azure_facts.answers import Question
from azure_facts.questions import QUESTIONS
from azure_facts.run import Results
from azure_facts.scrub import Scrubber
from azure_facts.tape import Tape
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.errors import Error, Refused
from tests.azure_facts.worlds import NAME, ask_all, connect, remains
from tests.worlds import World, embedded_world, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

GROUP = f"rg-azure-facts-{NAME}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An embedded Azure that takes a moment for what it makes."""
    with start_embedded(tmp_path, Timings(operation=3)) as azure:
        yield embedded_world(azure)


def interrupt(world: World, after: int) -> None:
    """Ctrl-C, as the answer to the request of this number arrives in the program's own thread."""
    send, sent = world.transport.send, 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal sent
        answer = send(*arguments, **options)
        if threading.current_thread() is threading.main_thread():
            sent += 1
            if sent == after:
                raise KeyboardInterrupt
        return answer

    world.transport.send = interrupted  # type: ignore[method-assign]


def refuse(world: World, method: str, end: str, status: int = 403, times: int | None = None) -> None:
    """From now on the embedded Azure refuses requests whose path ends so."""
    assert world.embedded is not None
    body = {"error": {"code": "AuthorizationFailed", "message": "You may not do this."}}

    def hits(request: Request) -> bool:
        return request.method == method and request.path.lower().endswith(end.lower())

    world.embedded.azure.faults.add(Fault(Refuse(Response(status, body)), hits, times=times))


def answered(folder: Path) -> dict[str, str | None]:
    """Why each question was not answered, as the document says, or None."""
    document = json.loads((folder / "answers.json").read_text())
    return {each["question"]: each["not_answered"] for each in document["answers"]}


@pytest.mark.parametrize("after", [1, 3, 12, 60])
def test_a_run_that_is_interrupted_leaves_nothing(world: World, tmp_path: Path, after: int) -> None:
    interrupt(world, after)
    with pytest.raises(KeyboardInterrupt):
        ask_all(world, tmp_path)
    assert remains(world) == []
    found = answered(tmp_path)
    assert list(found) == [each.name for each in QUESTIONS]
    assert found["identity-link"] == "the run ended before"
    assert json.loads((tmp_path / "answers.json").read_text())["left"] == []


@pytest.mark.parametrize(
    ("method", "end", "question"),
    [
        ("POST", "/whatIf", "second-what-if"),
        ("PUT", "/certificates/quoted-if-match", "quoted-if-match"),
        ("POST", "/certificates/ec-reuse-key/create", "ec-reuse-key"),
        ("PUT", "/enrollmentGroups/leaf-alone", "leaf-alone"),
        ("GET", "/devices/never-thumbprint", "never-thumbprint"),
        ("PUT", "/certificates/masked-keys", "masked-keys"),
        ("PUT", f"/vaults/kv-facts-{NAME}", "put-absent"),
    ],
)
def test_one_question_that_fails_does_not_stop_the_others(
    world: World, tmp_path: Path, method: str, end: str, question: str
) -> None:
    refuse(world, method, end)
    ran = ask_all(world, tmp_path)
    found = answered(tmp_path)
    assert found.pop(question) == "You may not do this."
    assert set(found.values()) == {None}
    assert ran.results.left == remains(world) == []


def test_a_defect_tells_its_place_and_no_value(world: World, tmp_path: Path) -> None:
    def ask(_: object) -> Any:
        raise RuntimeError("SharedAccessKey=" + "s3cr3t")

    results, azure = Results(), connect(world)
    tape = Tape(tmp_path, Scrubber(azure.clients.subscription))
    run.run(azure, tape, [Question("broken", "?", ask), QUESTIONS[1]], results, lambda _: None)
    assert results.answers[0].why.startswith("RuntimeError in test_removal.py, line ")
    assert results.answers[1].fact
    assert remains(world) == []


def test_what_could_not_all_be_made_is_asked_and_removed(world: World, tmp_path: Path) -> None:
    refuse(world, "PUT", "/deployments/dpsops-facts")
    ran = ask_all(world, tmp_path)
    assert [each.line for each in ran.results.answers if each.fact] == []
    assert any("You may not do this" in each for each in world.said)
    assert remains(world) == []


def test_without_a_group_nothing_is_asked(world: World, tmp_path: Path) -> None:
    refuse(world, "PUT", f"/resourcegroups/{GROUP}")
    with pytest.raises(Error, match="You may not do this"):
        ask_all(world, tmp_path)
    assert set(answered(tmp_path).values()) == {"the run ended before"}
    assert remains(world) == []


@pytest.mark.parametrize("tags", [{}, {group.TAG: "another"}, {group.TAG: NAME}])
def test_a_group_that_is_there_is_left_as_it_is(world: World, tmp_path: Path, tags: dict[str, str]) -> None:
    groups = world.connect().clients.groups.resource_groups
    groups.create_or_update(GROUP, ResourceGroup(location="westeurope", tags=tags))
    with pytest.raises(Refused, match="exists already"):
        group.check(connect(world))
    with pytest.raises(Refused, match="exists already"):
        ask_all(world, tmp_path)
    assert groups.get(GROUP).tags == tags
    if tags.get(group.TAG) != NAME:
        left = group.remove(connect(world))
        assert left == [f"the resource group {GROUP} does not have the tag azure-facts={NAME}: no run has made it; "
                        "look at what is in it; it is left as it is"]  # fmt: skip
        assert groups.get(GROUP).tags == tags


def test_a_vault_of_the_same_name_elsewhere_is_not_destroyed(world: World) -> None:
    other = world.connect(group.environment(NAME, "westeurope").model_copy(update={"resource_group": "rg-somebodys"}))
    group.make(other)
    other.clients.groups.resource_groups.begin_delete("rg-somebodys").result()
    assert group.remove(connect(world)) == []
    assert [each for each in remains(world) if "deletedVaults" in each]


def test_what_a_killed_run_has_left_is_named_and_removed(world: World) -> None:
    azure = connect(world)
    group.make(azure)
    another = world.connect(group.environment("another", "westeurope"))
    assert group.check(another) == [NAME]
    assert group.remove(connect(world)) == []
    assert remains(world) == []
    assert group.check(another) == []


@pytest.mark.parametrize(
    ("method", "end", "words"),
    [
        ("DELETE", f"/resourcegroups/{GROUP}", f"az group delete --name {GROUP}"),
        ("POST", f"/deletedVaults/kv-facts-{NAME}/purge", f"az keyvault purge --name kv-facts-{NAME}"),
    ],
)
def test_what_cannot_be_removed_is_named(world: World, tmp_path: Path, method: str, end: str, words: str) -> None:
    refuse(world, method, end)
    ran = ask_all(world, tmp_path)
    assert [each for each in ran.results.left if each.endswith(words)] == ran.results.left != []
    assert remains(world) != []
    assert world.embedded is not None
    world.embedded.azure.faults.clear()
    assert group.remove(connect(world)) == []
    assert remains(world) == []


def test_a_deletion_that_fails_once_is_tried_again(world: World, tmp_path: Path) -> None:
    refuse(world, "DELETE", f"/resourcegroups/{GROUP}", 409, times=1)
    assert ask_all(world, tmp_path).results.left == remains(world) == []


def test_a_removal_that_is_interrupted_says_how_to_go_on(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "remove", _interrupted)
    results, azure = Results(), connect(world)
    with pytest.raises(KeyboardInterrupt):
        run.run(azure, Tape(tmp_path, Scrubber(azure.clients.subscription)), [], results, lambda _: None)
    assert results.left == [f"{GROUP} is not removed: make azure-facts ARGUMENTS='--remove {NAME}'"]


def _interrupted(_: object) -> list[str]:
    raise KeyboardInterrupt
