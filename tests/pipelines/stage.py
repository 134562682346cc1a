"""A team's repository on GitHub and the embedded Azure, set up as docs/pipelines.md says: its pipelines run here for real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from dpsops.cli.embedded import variables
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, publish_keys
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World
from tests.github import REPOSITORY
from tests.github import served as github_served
from tests.pipelines import issuer
from tests.pipelines.github import Event, Hub, Repository
from tests.pipelines.reading import ROOT
from tests.pipelines.run import Run
from tests.pipelines.uv import make_uv

TOOL = "octo-org/dpsops"
"""The repository of dpsops, where another one calls its workflows."""

PARTS = {
    "planner": "{}-plan",
    "deployer": "{}",
    "issuer": "{}-issue",
    "operator": "{}-rotate",
}
"""The environment on GitHub of each identity."""

TOOLS = ("awk", "bash", "jq", "sed")
"""The programs of a hosted runner that the workflows use."""

_SOURCE = (".github", "action.yml", "bicep", "dpsops", "infra", "requirements-runtime.lock", "scripts")


@dataclass
class Stage:
    """`name`: the environment; `clients`: the application of each identity, by what it is for; `secret`: that of whoever owns the
    subscription, which no pipeline may know."""

    azure: EmbeddedAzure
    hub: Hub
    repository: Repository
    name: str
    work: Path
    owner: Mapping[str, str]
    clients: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def dpsops(self, *words: str) -> dict[str, Any]:
        """What a command says, typed by whoever owns the subscription."""
        command = [sys.executable, "-P", "-m", "dpsops", "--env", self.name, "--output", "json", *words]
        done = subprocess.run(
            command, cwd=self.repository.folder, env=dict(self.owner), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def start(self, workflow: str, event: str = "workflow_dispatch", *, fork: bool = False, **inputs: object) -> Run:
        """Runs a workflow of the repository. `fork`: the pull request is from another one."""
        values = {"pull_request": {"head": {"repo": {"fork": fork}}}} if event == "pull_request" else {}
        ref = "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main"
        happened = Event(event, ref, {name.replace("_", "-"): value for name, value in inputs.items()}, values)
        run = Run(self.hub, self.repository, happened, self.work / f"run-{len(self.runs) + 1}")
        self.runs.append(run)
        return run.start(workflow)

    def set_up(self) -> None:
        """Says `pipeline setup`, and does by hand what it says remains to be done."""
        with github_served(self.name) as stub:
            self.owner = {**self.owner, "GITHUB_API_URL": stub.address}
            made = self.dpsops("pipeline", "setup", "--repo", REPOSITORY, "--yes")
        self.clients = {each["identity"]: each["client_id"] for each in made["identities"]}
        for each in made["variables"]:
            self.hub.environments.setdefault(each["environment"], {})[each["name"]] = each["value"]
        with (self.repository.folder / "infra" / f"{self.name}.toml").open("a", encoding="utf-8") as settings:
            person = f'{{ id = "{OPERATOR.object_id}", type = "ServicePrincipal" }}'  # who operates by hand, too
            settings.write(made["settings"].replace("principals = [", f"principals = [{person}, ") + "\n")


def copy_source(folder: Path) -> Path:
    """A copy of this repository, without what only develops or tests it."""
    for name in _SOURCE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def watched(azure: Azure) -> Callable[[], frozenset[str]]:
    """Returns what tells as which applications somebody has called Azure since it was last asked."""
    seen = set[str]()

    def see(request: Request, answer: Response) -> None:  # noqa: ARG001
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            seen.add(jwt.decode(token, options={"verify_signature": False})["appid"])

    def taken() -> frozenset[str]:
        found = frozenset(seen)
        seen.clear()
        return found

    azure.observers.append(see)
    return taken


@contextmanager
def staged(work: Path, name: str, folder: Path, *, tool: Path | None = None, with_ids: bool = False) -> Iterator[Stage]:
    """The stage of a repository in a folder, until the block ends. `tool`: dpsops's own repository, if it is another one."""
    work.mkdir()
    repository = Repository(REPOSITORY, folder)
    repositories = {TOOL: Repository(TOOL, tool, id=4712)} if tool else {}
    with EmbeddedAzure(work / "azure") as azure, issuer.served(work, azure.azure.clock.now) as github:
        with azure.azure.database.transaction() as state:
            publish_keys(World(state, azure.azure.clock.now()), issuer.URL, {issuer.KID: github.key.public_key()})
        bundle = work / "authorities.pem"
        bundle.write_text(azure.authority_file.read_text() + github.authority.read_text(), encoding="ascii")
        machine = {
            "HTTPS_PROXY": azure.proxy_url,
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "PATH": "/usr/bin:/bin",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
        }
        hub = Hub(repositories, github, machine, {"astral-sh/setup-uv": make_uv(work)}, work, with_ids)
        hub.variables["DPSOPS_ENVIRONMENTS"] = json.dumps([name])
        hub.reviewed |= {PARTS["deployer"].format(name), PARTS["operator"].format(name)}
        hub.callers = watched(azure.azure)
        owner = machine | variables(azure) | {"PYTHONPATH": str(ROOT)}
        yield Stage(azure, hub, repository, name, work, owner)


def snippets(page: str) -> dict[str, str]:
    """The files that a page of the documentation shows, by the path in the comment on the first line of each."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return {path: f"# {path}\n{body}" for path, body in re.findall(r"```(?:yaml|toml)\n# (\S+)\n(.*?)```", text, re.DOTALL)}
