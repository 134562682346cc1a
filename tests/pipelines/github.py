"""GitHub, as far as a run needs it: repositories, environments with their variables, and what a job is told of all that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.pipelines.expressions import Lenient
from tests.pipelines.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit, whose files are in a folder."""

    name: str
    folder: Path
    owner_id: int = 9919
    id: int = 4711

    @property
    def sha(self) -> str:
        """The commit."""
        return hashlib.sha1(str(self.folder).encode(), usedforsecurity=False).hexdigest()

    @property
    def owner(self) -> str:
        """Who owns it."""
        return self.name.partition("/")[0]

    def prefix(self, *, with_ids: bool) -> str:
        """The beginning of the subject of its tokens."""
        short = self.name.partition("/")[2]
        return f"repo:{self.owner}@{self.owner_id}/{short}@{self.id}" if with_ids else f"repo:{self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """What starts a run. `values`: what `github.event` has of it."""

    name: str
    ref: str = "refs/heads/main"
    inputs: Mapping[str, object] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)


def _approve(_: str) -> None:
    """Whoever reviews a deployment approves it."""


def _nobody() -> frozenset[str]:
    """There is no Azure."""
    return frozenset()


@dataclass
class Hub:
    """`machine`: the variables of the machine that jobs run on; `tools`: the programs that an action of that name brings.
    `review` is called with the environment whose job waits for its approval, if that is among the `reviewed`.
    `callers`: the applications as which Azure was called since it was last asked for them."""

    repositories: dict[str, Repository]
    issuer: Issuer
    machine: Mapping[str, str]
    tools: Mapping[str, Path]
    work: Path
    with_ids: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    reviewed: set[str] = field(default_factory=set)
    review: Callable[[str], None] = _approve
    callers: Callable[[], frozenset[str]] = _nobody

    def vars(self, environment: str | None) -> Lenient:
        """The context `vars` of a job."""
        return Lenient(self.variables | (self.environments[environment] if environment else {}))

    def subject(self, repository: Repository, environment: str | None, event: Event) -> str:
        """The subject of a job's tokens."""
        elsewhere = "pull_request" if event.name == "pull_request" else f"ref:{event.ref}"
        about = f"environment:{environment}" if environment else elsewhere
        return f"{repository.prefix(with_ids=self.with_ids)}:{about}"

    def named(self, uses: str, source: Repository) -> tuple[Repository, str] | None:
        """The repository and the path that a `uses` means, of what is in one that is here: `$/PATH` is the repository of the
        file that says it, at its commit."""
        if uses.startswith("$/"):
            path = uses[2:].lstrip("/")
            assert path, f"{uses}: the runner refuses a path that is empty"
            assert "@" not in path, f"{uses}: a ref has no place here"
            return source, path
        name, _, ref = uses.partition("@")
        parts = name.split("/")
        repository = self.repositories.get("/".join(parts[:2]))
        if repository is None:
            return None
        assert ref == repository.sha, f"{uses} is not pinned to the commit {repository.sha}"
        return repository, "/".join(parts[2:])


def defaults(hub: Hub, repository: Repository, event: Event, workspace: Path, temporary: Path) -> Iterator[tuple[str, str]]:
    """The variables that GitHub gives every job. Source: "Variables reference", default environment variables."""
    yield from hub.machine.items()
    yield from {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "ana",
        "GITHUB_API_URL": "https://api.github.com",
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_REF": event.ref,
        "GITHUB_REPOSITORY": repository.name,
        "GITHUB_REPOSITORY_ID": str(repository.id),
        "GITHUB_REPOSITORY_OWNER": repository.owner,
        "GITHUB_REPOSITORY_OWNER_ID": str(repository.owner_id),
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_ID": "1",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": repository.sha,
        "GITHUB_WORKSPACE": str(workspace),
        "HOME": str(temporary.parent),
        "RUNNER_ARCH": "X64",
        "RUNNER_ENVIRONMENT": "github-hosted",
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": str(temporary),
    }.items()
