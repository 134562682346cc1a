"""The pipelines, run job by job: from a copy of this repository, and from another one that only calls it.

`make test` runs the first ones; `make pipelines` all, to the end of a rotation.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.rbac import CUSTOM_ROLE
from tests.pipelines.run import Done, Run
from tests.pipelines.secrecy import secrets_in, texts
from tests.pipelines.stage import PARTS, TOOL, TOOLS, Stage, copy_source, snippets, staged

pytestmark = [
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"not all of {', '.join(TOOLS)}"),
    pytest.mark.usefixtures("unmeasured"),
]
in_full = pytest.mark.skipif("DPSOPS_TEST_PIPELINES" not in os.environ, reason="takes minutes: make pipelines")

DEVICES = "device,hub\npress-1,\npress-2,\npress-3,\npress-4,\npress-5,\npress-6,\npress-7,nowhere\n"

SETTINGS = """\
location = "westeurope"
resource_group = "rg-fleet"
[vault]
name = "kv-fleet-factory"
[dps]
name = "dps-fleet-factory"
[[hub]]
name = "iot-fleet-factory"
[root]
key = "EC-P256"
[leaf]
days = 20
"""

Staged = Callable[[str], Stage]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Staged]:
    """Sets a stage: that of a copy of this repository ("own"), or of another one that calls it ("other")."""
    with ExitStack() as stack:

        def make(kind: str) -> Stage:
            folder, work = tmp_path / "repository", tmp_path / "work"
            if kind == "own":
                stage = staged(work, "dev", copy_source(folder))
            else:
                stage = staged(work, "factory", folder, tool=copy_source(tmp_path / "tool"), with_ids=True)
                (folder / "infra").mkdir(parents=True)
                (folder / "infra" / "factory.toml").write_text(SETTINGS, encoding="utf-8")
            found = stack.enter_context(stage)
            if kind == "other":
                call_from(found)
            (folder / "devices.csv").write_text(DEVICES, encoding="utf-8")
            (folder / "ssl.py").write_text("raise SystemExit('the program took a module of the repository')\n", encoding="utf-8")
            found.set_up()
            return found

        yield make


def call_from(stage: Stage) -> None:
    """Writes the workflows of docs/pipelines.md into a repository: what is a placeholder there is replaced, and nothing else."""
    commit = stage.hub.repositories[TOOL].sha
    for path, text in snippets("pipelines.md").items():
        if path.startswith(".github/"):
            file = stage.repository.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            said = text.replace("OWNER/dpsops", TOOL).replace("@SHA", f"@{commit}")
            said = said.replace("environment: prod", f"environment: {stage.name}").replace("ENV: prod", f"ENV: {stage.name}")
            file.write_text(said, encoding="utf-8")


def of(run: Run, job: str) -> Done:
    """The job with this name, whatever called its workflow."""
    (found,) = [each for each in run.done if re.fullmatch(rf"(.*/)?{job}", each.path) and each.result != "skipped"]
    return found


def require_own_identities(stage: Stage) -> None:
    """Each job called Azure as the identity of its environment and as nobody else; a job without one did not call it."""
    allowed = {environment.format(stage.name): stage.clients[identity] for identity, environment in PARTS.items()}
    for each in (done for run in stage.runs for done in run.done):
        assert each.callers == ({allowed[each.environment]} if each.environment else frozenset()), each.path


def require_no_secrets(stage: Stage) -> None:
    """No log, summary, output or artifact holds a secret."""
    owner = [stage.owner["AZURE_CLIENT_SECRET"]]
    for run in stage.runs:
        kept = [(f"{each.path}: {kind}", text) for each in run.done for kind, text in printed(each)]
        kept += [(str(path), text) for path, text in texts(run.artifacts)]
        assert len(kept) > len(run.done)
        for where, text in kept:
            assert not list(secrets_in(text, owner)), where


def printed(done: Done) -> Iterator[tuple[str, str]]:
    """What a job has printed."""
    yield from (("log", done.log), ("summary", done.summary), ("outputs", "\n".join((*done.said, *done.outputs.values()))))


def planned(run: Run, stage: Stage) -> list[str]:
    """The actions of the plan that a run has kept."""
    document = json.loads((run.artifacts / f"plan-{stage.name}" / "plan.json").read_text(encoding="utf-8"))
    return [each["target"] for each in document["actions"]]


def bootstrapped(stage: Stage, kind: str) -> Run:
    """Does the plan as a person of this repository has it done: by hand, or with a push."""
    if kind == "own":
        return stage.start("call-bootstrap.yml", environment=stage.name)
    return stage.start("bootstrap.yml", "push")


def called(kind: str, name: str) -> str:
    """The file of a workflow that calls."""
    return f"call-{name}.yml" if kind == "own" else f"{name}.yml"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def forbid(stage: Stage, identity: str, action: str) -> None:
    """Somebody takes an action out of the role of an identity."""
    with stage.azure.azure.database.transaction() as state:
        for key, role in state.list(CUSTOM_ROLE):
            if f" {identity} " in f" {role['roleName']} ":
                for kind in ("actions", "dataActions"):
                    role["permission"][kind] = [each for each in role["permission"][kind] if each.lower() != action.lower()]
                state.put(CUSTOM_ROLE, key, role)


def test_from_a_pull_request_to_an_environment_that_needs_nobody(scene: Staged) -> None:
    stage = scene("other")
    reviewed: list[bool] = []
    stage.hub.review = lambda _: reviewed.append(stage.dpsops("status")["vault"] is None)

    shown = stage.start("bootstrap.yml", "pull_request")
    assert shown.results == {"prod/plan": "success", "prod/up": "skipped"}
    assert "kv-fleet-factory" in of(shown, "plan").summary
    assert "enrollment group devices" in planned(shown, stage)
    assert reviewed == []

    done = bootstrapped(stage, "other")
    assert done.results == {"prod/plan": "success", "prod/up": "success"}
    assert planned(done, stage) == planned(shown, stage)
    assert reviewed == [True]  # nothing was there before the approval

    watched = stage.start("watch.yml")
    assert watched.results == {"prod/watch": "success"}
    assert "✓ factory needs nobody" in of(watched, "watch").summary
    assert "root-g1" in of(stage.start("status.yml"), "prod").log  # with the action at the top

    forbid(stage, "issuer", "Microsoft.KeyVault/vaults/keys/sign/action")
    refused = stage.start("issue.yml", devices="devices.csv")
    assert of(refused, "issue-1").result == "failure"
    assert "Microsoft.KeyVault/vaults/keys/sign/action" in of(refused, "issue-1").log
    require_own_identities(stage)
    require_no_secrets(stage)


def phase(run: Run) -> str:
    """The phase that a rotation had when its reviewer was asked."""
    return of(run, "look").outputs["phase"]


def rotate(stage: Stage, kind: str, *, leave_behind: bool) -> Run:
    """Takes one step, and waits for nobody."""
    inputs: dict[str, Any] = {"environment": stage.name} if kind == "own" else {}
    return stage.start(called(kind, "rotate"), replace="root-g1", grace=0, leave_behind=leave_behind, **inputs)


@in_full
@pytest.mark.parametrize("kind", ["own", "other"])
def test_from_nothing_to_the_end_of_a_rotation_and_a_watch_that_fails(scene: Staged, kind: str) -> None:
    stage = scene(kind)
    assert of(bootstrapped(stage, kind), "up").result == "success"
    assert of(stage.start(called(kind, "watch")), "watch").result == "success"

    inputs: dict[str, Any] = {"environment": stage.name, "shards": 3} if kind == "own" else {}
    issued = stage.start(called(kind, "issue"), devices="devices.csv", **inputs)
    results = [each.result for each in issued.done if re.search(r"issue-\d$", each.path)]
    assert (len(results), "failure" in results) == (3, True)  # there is no hub of that name
    collected = issued.artifacts / f"issued-{stage.name}"
    rows = {each["device"]: each["outcome"] for each in lines(collected / "devices.jsonl")}
    assert rows == {f"press-{number}": "issued" for number in range(1, 7)} | {"press-7": "failed"}
    assert [line.partition(",")[0] for line in (collected / "failed.csv").read_text().splitlines()] == ["device", "press-7"]
    assert "- issued: 6" in of(issued, "collect").summary

    used = {"press-1", "press-2"}
    for device in used:
        assert stage.dpsops("device", "register", device, "--transport", "https")["status"] == "assigned"
    renewed = stage.start(called(kind, "renew"))
    assert of(renewed, "renew").result == "success"
    outcomes = lines(renewed.artifacts / f"renewed-{stage.name}" / "devices.jsonl")
    assert {each["device"] for each in outcomes if each["outcome"] == "issued"} == (used if kind == "other" else set())

    steps = [rotate(stage, kind, leave_behind=False)]
    while of(steps[-1], "step").result == "success":
        assert of(steps[-1], "step").outputs["changed"] == "true"
        steps.append(rotate(stage, kind, leave_behind=False))
    order = ["stable", "staged", "proven", "overlapping", "reissuing", "promoted", "draining"]
    assert [phase(each) for each in steps] == order
    assert "press-6" in of(steps[-1], "step").log  # nobody is left behind without a word
    steps = [rotate(stage, kind, leave_behind=True) for _ in range(3)]
    assert [phase(each) for each in steps] == ["draining", "retired", "stable"]
    assert [of(each, "step").outputs["changed"] for each in steps] == ["true", "true", "false"]

    watched = of(stage.start(called(kind, "watch")), "watch")
    assert watched.result == "failure"
    assert f"### ✗ {stage.name} needs a person\n- 6 device(s) were left behind by the last rotation" in watched.summary
    assert f"::error title={stage.name}::6 device(s) were left behind by the last rotation" in watched.log
    called_as = {caller for run in stage.runs for each in run.done for caller in each.callers}
    assert called_as == set(stage.clients.values())
    require_own_identities(stage)
    require_no_secrets(stage)


@in_full
def test_what_changes_before_an_approval_ends_the_run(scene: Staged) -> None:
    stage = scene("own")
    assert stage.start("call-bootstrap.yml", "pull_request", fork=True).results == {"plan": "skipped", "up": "skipped"}

    def beside(start: Callable[[], Run]) -> Callable[[str], None]:
        """Somebody does the same, while the first reviewer thinks."""

        def review(_: str) -> None:
            stage.hub.review = lambda _: None
            assert start().done[-1].result == "success"

        return review

    stage.hub.review = beside(lambda: bootstrapped(stage, "own"))
    refused = of(bootstrapped(stage, "own"), "up")
    assert refused.result == "failure"
    assert "dpsops: error: the environment has changed since the plan" in refused.log

    again = bootstrapped(stage, "own")
    assert again.results == {"plan": "skipped", "up/plan": "success", "up/up": "skipped"}  # nothing is left to do

    stage.hub.review = beside(lambda: rotate(stage, "own", leave_behind=False))
    refused = of(rotate(stage, "own", leave_behind=False), "step")
    assert refused.result == "failure"
    assert "::error title=Not the step that was approved::The rotation was stable, and is staged now" in refused.log
    assert stage.dpsops("rotate", "status")["rotation"]["phase"] == "staged"


RIGHTS = [
    ("planner", "plan", "Microsoft.Resources/subscriptions/resourceGroups/read"),
    ("deployer", "up", "Microsoft.KeyVault/vaults/write"),
    ("operator", "step", "Microsoft.Devices/provisioningServices/certificates/Read"),
]


@in_full
@pytest.mark.parametrize(("identity", "job", "right"), RIGHTS, ids=[each[0] for each in RIGHTS])
def test_a_job_whose_identity_lacks_a_right_fails_with_its_name(scene: Staged, identity: str, job: str, right: str) -> None:
    stage = scene("other")
    if job == "step":
        assert of(bootstrapped(stage, "other"), "up").result == "success"
    forbid(stage, identity, right)
    failed = of(rotate(stage, "other", leave_behind=False) if job == "step" else bootstrapped(stage, "other"), job)
    assert failed.result == "failure"
    assert right in failed.log, failed.log
