"""One job, as a runner does it: its steps in their order, each in a clean shell with what GitHub gives it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pipelines.expressions import Contexts, Lenient, Status, Unknown, as_text
from tests.pipelines.github import Hub, Repository
from tests.pipelines.reading import Document, read, shell_of
from tests.pipelines.standins import Place, act

_SHELLS = {"": ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
_STEP = {"env", "id", "if", "name", "run", "shell", "uses", "with"}


@dataclass
class Job:
    """`source`: the repository of the file that says the steps. `failed`: whether a step has; `log`: what all steps printed;
    `summary`: what they wrote for people."""

    hub: Hub
    source: Repository
    place: Place
    variables: dict[str, str]
    values: Mapping[str, Any]
    temporary: Path
    failed: bool = False
    log: str = ""
    summary: str = ""
    outputs: list[str] = field(default_factory=list)
    _count: int = 0

    def run(self, document: Document, job: Document) -> dict[str, Any]:
        """Does the steps of a workflow's job. Returns the context `steps`."""
        return self._all(job["steps"], self.source, document, dict(self.values))

    def _all(self, steps: list[Document], source: Repository, document: Document, values: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        for step in steps:
            if unknown := step.keys() - _STEP:
                raise Unknown(f"a step with {sorted(unknown)}")
            contexts = Contexts({**values, "steps": done, "env": dict(self.variables)}, Status(self.failed))
            if not contexts.condition(step.get("if")):
                result: dict[str, Any] = {"outcome": "skipped", "conclusion": "skipped", "outputs": Lenient()}
            else:
                result = self._one(step, source, document, contexts)
            if "id" in step:
                done[step["id"]] = result
        return done

    def _one(self, step: Document, source: Repository, document: Document, contexts: Contexts) -> dict[str, Any]:
        before = self.failed
        own = {name: contexts.insert(text) for name, text in step.get("env", {}).items()}
        self.log += f"##[group]{contexts.insert(step.get('name') or step.get('uses') or 'Run')}\n"
        outputs: dict[str, str] = {}
        if "run" in step:
            outputs = self._script(step["run"], shell_of(step, document), own)
        else:
            self._action(step, source, contexts, own)
        if self.failed and not before:
            return {"outcome": "failure", "conclusion": "failure", "outputs": Lenient(outputs)}
        return {"outcome": "success", "conclusion": "success", "outputs": outputs}

    def _action(self, step: Document, source: Repository, contexts: Contexts, own: dict[str, str]) -> None:
        said = {name: contexts.value(value) for name, value in step.get("with", {}).items()}
        found = self.hub.named(step["uses"], source)
        if found is None:
            try:
                act(step["uses"], said, self.place)
            except AssertionError as failure:
                self.log += f"##[error]{failure}\n"
                self.failed = True
            return
        assert not said, "no action of ours takes inputs"
        repository, path = found
        action = read(repository.folder / path / "action.yml")
        assert action["runs"]["using"] == "composite"
        kept = dict(self.variables)
        self.variables |= own | {"GITHUB_ACTION_PATH": str(repository.folder / path)}
        inside = {"github": {**contexts.values["github"], "action_path": str(repository.folder / path)}, "inputs": {}}
        self._all(action["runs"]["steps"], repository, {}, dict(contexts.values) | inside)
        for name in {"GITHUB_ACTION_PATH", *own}:
            self.variables.pop(name, None)
            if name in kept:
                self.variables[name] = kept[name]

    def _script(self, script: str, shell: str, own: dict[str, str]) -> dict[str, str]:
        """Runs a script; returns its outputs."""
        self._count += 1
        folder = self.temporary / f"step-{self._count}"
        folder.mkdir()
        files = {name: folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        (folder / "script.sh").write_text(script, encoding="utf-8")
        path = ":".join([*(str(each) for each in reversed(self.place.path)), self.variables["PATH"]])
        given = self.variables | {name: str(file) for name, file in files.items()} | own | {"PATH": path}
        done = subprocess.run(
            [*_SHELLS[shell], str(folder / "script.sh")],
            cwd=self.place.workspace,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += done.stdout
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        self.variables |= said(files["GITHUB_ENV"])
        self.place.path.extend(Path(each) for each in files["GITHUB_PATH"].read_text(encoding="utf-8").splitlines())
        outputs = said(files["GITHUB_OUTPUT"])
        self.outputs += [f"{name}={value}" for name, value in outputs.items()]
        if done.returncode:
            self.log += f"##[error]Process completed with exit code {done.returncode}.\n"
            self.failed = True
        return outputs


def said(file: Path) -> dict[str, str]:
    """What a step wrote into one of GitHub's files: `NAME=VALUE`, or `NAME<<WORD`, the lines of the value, and the word."""
    found, lines = {}, iter(file.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, sign, rest = line.partition("=")
        if "<<" in name:
            name, _, end = line.partition("<<")
            value = []
            while (next_line := next(lines)) != end:
                value.append(next_line)
            found[name] = "\n".join(value)
        elif sign:
            found[name] = rest
        elif line:
            raise Unknown(f"{line!r} in {file.name}")
    return found


def texts_of(values: Mapping[str, Any], contexts: Contexts) -> dict[str, str]:
    """Variables with their expressions replaced."""
    return {name: as_text(contexts.value(value)) for name, value in values.items()}
