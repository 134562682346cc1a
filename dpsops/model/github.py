"""A repository on GitHub and its environments: whether one lets only reviewed code have an identity, and what would make it so.

Source: GitHub, "Managing environments for deployment", "REST API endpoints for deployment environments" and "for deployment
branch policies", "OpenID Connect reference".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from dpsops.errors import InvalidInput

PULL_REQUESTS = "refs/pull/*/merge"
"""The branch policy that admits pull requests."""

_OWNER, _NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", r"[A-Za-z0-9._-]{1,100}"
_REFS = re.compile("^refs/(?:heads/|tags/)?")
_WILD = re.compile(r"\[[^\]]*\]|[*?/]")


def repository_name(text: str) -> str:
    """The name of a repository, OWNER/NAME. Raises `InvalidInput` for anything else."""
    if not re.fullmatch(f"{_OWNER}/{_NAME}", text) or text.endswith(("/.", "/..")):
        raise InvalidInput(f"{text!r} is not the name of a repository", "use OWNER/NAME, as in --repo octo-org/fleet")
    return text


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, by its names as GitHub spells them, and by the numbers that stay if it is renamed."""

    owner: str
    name: str
    owner_id: int
    id: int
    default_branch: str

    @property
    def full_name(self) -> str:
        """OWNER/NAME."""
        return f"{self.owner}/{self.name}"

    @property
    def prefixes(self) -> tuple[str, str]:
        """How the subject of a job's token begins: with the names alone, and with the numbers too, as for each repository that
        was made, renamed or transferred since 2026-07-15."""
        return f"repo:{self.full_name}", f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.id}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of names of branches or tags that may deploy, and its number."""

    id: int
    name: str

    @property
    def admits_all(self) -> bool:
        """Whether it asks nothing of a name: whoever can push can make a branch that it admits."""
        return not _WILD.sub("", _REFS.sub("", self.name))

    @property
    def admits_pull_requests(self) -> bool:
        """Whether it admits the merge of a pull request that nobody has accepted yet."""
        return self.name.startswith("refs/pull/")


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who may approve: `kind` is User or Team."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class GitHubEnvironment:
    """An environment of a repository. `protected_branches`: it admits the branches that are protected; `patterns`: it admits
    these, None if it has no patterns of its own. With neither, it admits everything."""

    name: str
    protected_branches: bool = False
    patterns: tuple[Pattern, ...] | None = None
    reviewers: tuple[Reviewer, ...] = ()
    prevent_self_review: bool = False
    wait_timer: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """What an environment must have before an identity trusts its jobs: always a branch policy. `reviewed`: somebody approves
    each job; `pull_requests`: jobs of pull requests may have the identity, too."""

    environment: str
    reviewed: bool = False
    pull_requests: bool = False

    def missing(self, found: GitHubEnvironment | None, *, any_protected: bool) -> tuple[str, ...]:
        """What is missing, in words. `any_protected`: the repository protects a branch; if it protects none, an environment for
        protected branches admits them all."""
        if found is None:
            return ("it does not exist",)
        return tuple(self._missing(found, any_protected=any_protected))

    def _missing(self, found: GitHubEnvironment, *, any_protected: bool) -> Iterator[str]:
        if found.name != self.environment:
            yield f"it is spelled {found.name!r}, and Azure compares each letter"
        if found.patterns is not None:
            if not found.patterns:
                yield "its branch policy admits no branch"
            for each in found.patterns:
                if self._is_bad(each):
                    yield f"its branch policy {each.name!r} admits {'every branch' if each.admits_all else 'pull requests'}"
        elif not found.protected_branches:
            yield "it has no branch policy, so it admits every branch"
        elif not any_protected:
            yield "it admits protected branches, and the repository protects none: then it admits every branch"
        if self.reviewed and not found.reviewers:
            yield "it has no required reviewers"

    def _is_bad(self, pattern: Pattern) -> bool:
        return pattern.admits_all or (pattern.admits_pull_requests and not (self.pull_requests and pattern.name == PULL_REQUESTS))

    def commands(self, repository: Repository, found: GitHubEnvironment | None, *, any_protected: bool) -> tuple[str, ...]:
        """The lines for a shell that make what is missing; none if nothing is. What the environment has otherwise is said
        again, because GitHub replaces it."""
        if not self.missing(found, any_protected=any_protected):
            return ()
        place = f"repos/{repository.full_name}/environments/{self.environment}"
        kept = found or GitHubEnvironment(self.environment)
        good = [each for each in kept.patterns or () if not self._is_bad(each)]
        by_pattern = kept.patterns is not None or not (kept.protected_branches and any_protected)
        lines = []
        if kept.patterns is None or (self.reviewed and not kept.reviewers):
            lines.append(f"gh api --method PUT {place} {' '.join(self._fields(kept, by_pattern=by_pattern))}")
        policies = f"{place}/deployment-branch-policies"
        wanted = [repository.default_branch, *([PULL_REQUESTS] if self.pull_requests else [])]
        if by_pattern and not good:
            lines += [f"gh api --method POST {policies} -f name={shlex.quote(each)}" for each in wanted]
        lines += [f"gh api --method DELETE {policies}/{each.id}" for each in kept.patterns or () if self._is_bad(each)]
        return tuple(lines)

    def _fields(self, kept: GitHubEnvironment, *, by_pattern: bool) -> Iterator[str]:
        for name, value in (("protected_branches", not by_pattern), ("custom_branch_policies", by_pattern)):
            yield f"-F 'deployment_branch_policy[{name}]={str(value).lower()}'"
        if kept.wait_timer:
            yield f"-F wait_timer={kept.wait_timer}"
        if kept.prevent_self_review:
            yield "-F prevent_self_review=true"
        for each in kept.reviewers:
            yield f"-F 'reviewers[][type]={each.kind}' -F 'reviewers[][id]={each.id}'"
        if self.reviewed and not kept.reviewers:
            yield "-F 'reviewers[][type]=User' -F \"reviewers[][id]=$(gh api user --jq .id)\""
