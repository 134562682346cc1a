"""One run of a workflow: its jobs in the order of what they need, matrices, called workflows, and what remains of it all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pipelines.expressions import Contexts, Lenient, Status, Unknown
from tests.pipelines.github import Event, Hub, Repository, defaults
from tests.pipelines.job import Job, texts_of
from tests.pipelines.reading import Document, jobs, read
from tests.pipelines.standins import Place

_WORKFLOW = {"concurrency", "defaults", "env", "jobs", "name", "on", "permissions"}
_CALL = {"if", "name", "needs", "permissions", "strategy", "uses", "with"}
_JOB = {
    *("concurrency", "env", "environment", "if", "name", "needs", "outputs", "permissions", "runs-on", "steps", "strategy"),
    "timeout-minutes",
}
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "number": (int, float)}


@dataclass(frozen=True, slots=True)
class Done:
    """What one job left. `path`: its ID, with those of the jobs that called its workflow; `environment`: what it had;
    `said`: the outputs of its steps; `callers`: the applications as which it called Azure."""

    path: str
    result: str
    environment: str | None = None
    log: str = ""
    summary: str = ""
    said: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    callers: frozenset[str] = frozenset()


@dataclass
class Run:
    """A run in a repository. `artifacts`: a folder with one folder for each."""

    hub: Hub
    repository: Repository
    event: Event
    folder: Path
    done: list[Done] = field(default_factory=list)

    @property
    def artifacts(self) -> Path:
        """Where the artifacts are."""
        return self.folder / "artifacts"

    @property
    def results(self) -> dict[str, str]:
        """What became of each job, by its path."""
        return {each.path: each.result for each in self.done}

    def job(self, path: str) -> Done:
        """What the one job with this path left."""
        (found,) = [each for each in self.done if each.path == path]
        return found

    def start(self, name: str) -> Run:
        """Runs a workflow of the repository, to its end."""
        self.artifacts.mkdir(parents=True)
        document = read(self.repository.folder / ".github" / "workflows" / name)
        said = document["on"][self.event.name] or {}
        inputs: dict[str, Any] = {}
        if self.event.name == "workflow_dispatch":
            inputs = taken(said.get("inputs", {}), dict(self.event.inputs))
            # Nobody has said whether a number stays one, so it is a text here: what has to be a number must say so.
            inputs = {each: value if isinstance(value, bool) else str(value) for each, value in inputs.items()}
        everything = {"actions": "write", "attestations": "write", "contents": "write", "id-token": "write"}
        self._workflow(document, self.repository, inputs, everything, "")
        return self

    def _contexts(self, inputs: Mapping[str, Any], more: Mapping[str, Any], status: Status) -> Contexts:
        event = Lenient({**self.event.values, "inputs": Lenient(self.event.inputs)})
        about = {
            "event": event,
            "event_name": self.event.name,
            "ref": self.event.ref,
            "ref_name": self.event.ref.partition("/")[2].partition("/")[2],
            "repository": self.repository.name,
            "sha": self.repository.sha,
        }
        return Contexts({"github": about, "inputs": Lenient(inputs), "vars": self.hub.vars(None), **more}, status)

    def _workflow(
        self, document: Document, source: Repository, inputs: Mapping[str, Any], allowed: Mapping[str, str], path: str
    ) -> tuple[str, dict[str, Any]]:
        """Runs the jobs; returns the result and the outputs of all."""
        _require_known(document, _WORKFLOW)
        assert document["permissions"] == {}, "each job says what it may"
        needed: dict[str, dict[str, Any]] = {}
        self._require_group(document, inputs)
        for name in _in_order(jobs(document)):
            job = jobs(document)[name]
            needs = {each: needed[each] for each in _list(job.get("needs"))}
            status = Status(failed=any(each["result"] not in ("success",) for each in needs.values()))
            contexts = self._contexts(inputs, {"needs": needs}, status)
            here = f"{path}{name}"
            if not contexts.condition(job.get("if")):
                self.done.append(Done(here, "skipped"))
                needed[name] = {"result": "skipped", "outputs": Lenient()}
                continue
            needed[name] = self._legs(document, job, source, inputs, needs, allowed, here)
        failed = any(each["result"] == "failure" for each in needed.values())
        called = (document["on"].get("workflow_call") or {}) if isinstance(document["on"], dict) else {}
        contexts = self._contexts(inputs, {"jobs": needed}, Status(failed))
        outputs = {each: contexts.insert(said["value"]) for each, said in called.get("outputs", {}).items()}
        return ("failure" if failed else "success"), outputs

    def _legs(
        self,
        document: Document,
        job: Document,
        source: Repository,
        inputs: Mapping[str, Any],
        needs: Mapping[str, Any],
        allowed: Mapping[str, str],
        path: str,
    ) -> dict[str, Any]:
        """Runs a job once for each place in its matrix."""
        results, outputs = list[str](), dict[str, Any]()
        legs = list(_matrix(job, self._contexts(inputs, {"needs": needs}, Status())))
        strategy = job.get("strategy", {})
        assert strategy.get("fail-fast") is False or len(legs) == 1, "one that fails stops the others"
        permissions: dict[str, str] = job.get("permissions") or {}
        for scope, level in permissions.items():
            order = ("none", "read", "write")
            assert order.index(allowed.get(scope, "none")) >= order.index(level), f"{path} asks for {scope}: {level}"
        for index, leg in enumerate(legs):
            more = {"needs": needs, "matrix": leg, "strategy": {"job-index": index, "job-total": len(legs)}}
            contexts = self._contexts(inputs, more, Status())
            here = f"{path}-{'-'.join(str(each) for each in leg.values())}" if leg else path
            contexts.insert(job.get("name", ""))
            if "uses" in job:
                result, said = self._call(job, source, contexts, permissions, here)
            else:
                result, said = self._job(document, job, source, contexts, permissions, here)
            results.append(result)
            outputs |= said
        return {"result": "failure" if "failure" in results else "success", "outputs": Lenient(outputs)}

    def _call(
        self, job: Document, source: Repository, contexts: Contexts, permissions: Mapping[str, str], path: str
    ) -> tuple[str, dict[str, Any]]:
        _require_known(job, _CALL)
        found = self.hub.named(job["uses"], source)
        assert found is not None, f"no repository has {job['uses']}"
        repository, file = found
        document = read(repository.folder / file)
        said = {name: contexts.value(value) for name, value in job.get("with", {}).items()}
        inputs = taken(document["on"]["workflow_call"]["inputs"], said)
        return self._workflow(document, repository, inputs, permissions, f"{path}/")

    def _require_group(self, said: Document, inputs: Mapping[str, Any]) -> None:
        """Whatever changes something is never cut short by another run."""
        group = said.get("concurrency")
        if group is not None:
            assert self._contexts(inputs, {}, Status()).insert(group["group"]), group

    def _job(
        self, document: Document, job: Document, source: Repository, contexts: Contexts, permissions: dict[str, str], path: str
    ) -> tuple[str, dict[str, Any]]:
        _require_known(job, _JOB)
        assert job["timeout-minutes"] <= 360, "a hosted runner ends a job then"
        environment = contexts.insert(job["environment"]) if "environment" in job else None
        if environment in self.hub.reviewed:
            self.hub.review(str(environment))
        folder = self.folder / "jobs" / path.replace("/", ".")
        workspace, temporary = folder / "workspace", folder / "temp"
        workspace.mkdir(parents=True)
        temporary.mkdir()
        values = {**contexts.values, "vars": self.hub.vars(environment), "job": {"status": "success"}}
        values["runner"] = {"temp": str(temporary), "os": "Linux"}
        within = Contexts(values)
        place = Place(self.repository.folder, workspace, self.artifacts, dict(self.hub.tools), [], permissions)
        self.hub.callers()
        claims = {"sub": self.hub.subject(self.repository, environment, self.event), "repository": self.repository.name}
        signs_in = permissions.get("id-token") == "write"
        with self.hub.issuer.job(claims) if signs_in else nullcontext(dict[str, str]()) as tokens:
            variables = dict(defaults(self.hub, self.repository, self.event, workspace, temporary)) | tokens
            variables |= texts_of(document.get("env", {}), within) | texts_of(job.get("env", {}), within)
            running = Job(self.hub, source, place, variables, values, temporary)
            steps = running.run(document, job)
        finished = Contexts({**values, "steps": {**steps}})
        outputs = {name: finished.insert(text) for name, text in job.get("outputs", {}).items()}
        result = "failure" if running.failed else "success"
        said = tuple(running.outputs)
        self.done.append(Done(path, result, environment, running.log, running.summary, said, outputs, self.hub.callers()))
        return result, outputs


def taken(declared: Mapping[str, Document], said: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a workflow: as they are said, else by default. What is not declared, is missing or has another type is
    refused, as GitHub refuses it."""
    assert said.keys() <= declared.keys(), f"no input is called {sorted(said.keys() - declared.keys())}"
    found = {}
    for name, about in declared.items():
        kind = about["type"]
        if name not in said:
            assert not about.get("required"), f"the input {name} is missing"
            found[name] = about.get("default", {"string": "", "boolean": False, "number": 0}[kind])
            continue
        value = said[name]
        assert type(value) in _TYPES[kind], f"{name} is no {kind}: {value!r}"
        found[name] = value
    return found


def _require_known(part: Document, known: set[str]) -> None:
    if unknown := part.keys() - known:
        raise Unknown(f"a workflow with {sorted(unknown)}")


def _list(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _in_order(all_jobs: Mapping[str, Document]) -> Iterator[str]:
    """The jobs, each after those that it needs."""
    left, gone = dict(all_jobs), set[str]()
    while left:
        ready = [name for name, job in left.items() if set(_list(job.get("needs"))) <= gone]
        assert ready, f"{sorted(left)} wait for each other"
        yield ready[0]
        gone.add(ready[0])
        del left[ready[0]]


def _matrix(job: Document, contexts: Contexts) -> Iterator[dict[str, Any]]:
    """Each place in the matrix of a job; one without names if it has none."""
    said = job.get("strategy", {}).get("matrix", {})
    if said.keys() & {"include", "exclude"}:
        raise Unknown(f"a matrix with {sorted(said)}")
    lists = {name: contexts.value(values) for name, values in said.items()}
    assert all(isinstance(values, list) and values for values in lists.values()), f"a matrix of {lists}"
    for each in itertools.product(*lists.values()):
        yield dict(zip(lists, each, strict=True))
