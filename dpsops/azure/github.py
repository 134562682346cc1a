"""What GitHub says of a repository and its environments. dpsops only reads there.

Source: GitHub REST API 2022-11-28, "Repositories", "Deployment environments", "Deployment branch policies", "Branches" and
"GitHub Actions OIDC".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import UserAgentPolicy
from azure.core.rest import HttpRequest
from pydantic import BaseModel, ConfigDict

from dpsops.azure.errors import understood
from dpsops.azure.retries import PatientRetryPolicy
from dpsops.azure.transport import Transport, new_session
from dpsops.azure.waits import Waiting
from dpsops.errors import Denied, Error, InvalidInput, Missing, NotAllowed, Refused, Throttled, Unavailable
from dpsops.model.github import GitHubEnvironment, Pattern, Repository, Reviewer
from dpsops.settings import Waits

_WHO = "GitHub"
_API = "https://api.github.com"
_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PAGE = 100
_SIGN_IN = "give it a token that may read the repository: export GH_TOKEN=$(gh auth token)"


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Owner(_Shape):
    login: str
    id: int


class _Repository(_Shape):
    id: int
    name: str
    owner: _Owner
    default_branch: str


class _BranchPolicy(_Shape):
    protected_branches: bool
    custom_branch_policies: bool


class _Reviewing(_Shape):
    id: int


class _Reviewer(_Shape):
    type: Literal["User", "Team"]
    reviewer: _Reviewing | None = None


class _Rule(_Shape):
    type: str
    wait_timer: int | None = None
    prevent_self_review: bool | None = None
    reviewers: list[_Reviewer] | None = None


class _Environment(_Shape):
    name: str
    protection_rules: list[_Rule] | None = None
    deployment_branch_policy: _BranchPolicy | None = None


class _Pattern(_Shape):
    id: int
    name: str


class _Patterns(_Shape):
    branch_policies: list[_Pattern]


class _Protection(_Shape):
    enabled: bool = True


class _Branch(_Shape):
    protected: bool
    protection: _Protection = _Protection()


class _Subject(_Shape):
    use_default: bool
    sub_claim_prefix: str | None = None


class GitHub:
    """GitHub's REST API for one repository (OWNER/NAME). `token`: who asks; empty for nobody."""

    def __init__(self, repository: str, address: str, token: str, transport: Transport) -> None:
        self.repository = repository
        self._token = token
        policies = [UserAgentPolicy(sdk_moniker="dpsops"), PatientRetryPolicy(transport)]
        self._client: PipelineClient[Any, Any] = PipelineClient(address, policies=policies, transport=transport)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    @understood(_WHO)
    def observe(self) -> Repository:
        """The repository. Two requests. Raises `Refused` if its jobs do not sign in with one of the two usual subjects."""
        document = self._get("")
        if document is None:
            who = "this token" if self._token else "nobody without a token"
            raise Missing(f"GitHub shows no repository {self.repository} to {who}", f"check --repo; or {_SIGN_IN}")
        found = _Repository.model_validate(document)
        repository = Repository(found.owner.login, found.name, found.owner.id, found.id, found.default_branch)
        if repository.full_name.lower() != self.repository.lower():
            raise Refused(f"{self.repository} is called {repository.full_name} now", f"use --repo {repository.full_name}")
        self._require_usual_subject(repository)
        return repository

    @understood(_WHO)
    def environment(self, name: str) -> GitHubEnvironment | None:
        """An environment of the repository, or None. One request, and one for each page of its branch policies."""
        document = self._get(f"/environments/{name}")
        if document is None:
            return None
        found = _Environment.model_validate(document)
        policy, rules = found.deployment_branch_policy, found.protection_rules or []
        reviewed = [each for each in rules if each.type == "required_reviewers"]
        return GitHubEnvironment(
            found.name,
            protected_branches=policy is not None and policy.protected_branches,
            patterns=tuple(self._patterns(name)) if policy is not None and policy.custom_branch_policies else None,
            reviewers=tuple(
                Reviewer(each.type, each.reviewer.id) for rule in reviewed for each in rule.reviewers or [] if each.reviewer
            ),
            prevent_self_review=any(each.prevent_self_review for each in reviewed),
            wait_timer=max((each.wait_timer or 0 for each in rules), default=0),
        )

    @understood(_WHO)
    def protects_a_branch(self) -> bool:
        """Whether a rule of branch protection holds for a branch. One request. That a ruleset, which shows as protection that is
        not enabled, does not count for an environment is the stricter guess."""
        listed = self._get("/branches?protected=true&per_page=1")
        if not isinstance(listed, list):
            raise TypeError("branches that are no list")
        found = [_Branch.model_validate(each) for each in listed]
        return any(each.protected and each.protection.enabled for each in found)

    def _patterns(self, name: str) -> Iterator[Pattern]:
        page, full = 1, True
        while full:
            document = self._get(f"/environments/{name}/deployment-branch-policies?per_page={_PAGE}&page={page}")
            found = _Patterns.model_validate(document).branch_policies
            yield from (Pattern(each.id, each.name) for each in found)
            page, full = page + 1, len(found) >= _PAGE

    def _require_usual_subject(self, repository: Repository) -> None:
        document = self._get("/actions/oidc/customization/sub")
        if document is None:
            raise Refused(f"GitHub does not say what the subject of a token of {repository.full_name} is", _SIGN_IN)
        found = _Subject.model_validate(document)
        if not found.use_default:
            raise Refused(
                f"{repository.full_name} has a template of its own for the subject of its tokens, which no credential here fits",
                f"use GitHub's own: gh api --method PUT repos/{repository.full_name}/actions/oidc/customization/sub "
                "-F use_default=true",
            )
        if found.sub_claim_prefix is not None and found.sub_claim_prefix not in repository.prefixes:
            raise Refused(
                f"GitHub begins the subject of a token of {repository.full_name} with {found.sub_claim_prefix!r}, which dpsops "
                "does not know",
                "update dpsops; nothing was changed",
            )

    def _get(self, path: str) -> Any:
        """What is at a path of the repository, or None if there is nothing, or nothing that may be seen."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = HttpRequest("GET", self._client.format_url(f"repos/{self.repository}{path}"), headers=headers)
        try:
            answer = self._client.send_request(request)
        except AzureError as silent:
            raise Unavailable(
                "GitHub cannot be reached, so nothing was changed",
                "check the network, HTTPS_PROXY and GITHUB_API_URL, then run the command again",
            ) from silent
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise self._refusal(answer.status_code, answer.headers)
        return answer.json()

    def _refusal(self, status: int, headers: Mapping[str, str]) -> Error:
        again = "wait, then run the command again"
        if status == 429 or (status == 403 and headers.get("x-ratelimit-remaining") == "0"):
            return Throttled("GitHub has had too many requests", again if self._token else f"{again}; or {_SIGN_IN}")
        if status == 401:
            return NotAllowed("GitHub does not accept the token of GH_TOKEN or GITHUB_TOKEN", "use another: gh auth token")
        if status == 403:
            return Denied(
                f"GitHub does not let this identity read the environments of {self.repository}", _SIGN_IN, role_missing=False
            )
        if 300 <= status < 400:
            return Refused(
                f"{self.repository} was renamed or moved", f"use its present name: https://github.com/{self.repository} shows it"
            )
        if status >= 500:
            return Unavailable(f"GitHub has failed ({status}), so nothing was changed", again, answered=True)
        return Error(f"GitHub refuses to say anything of {self.repository} ({status})", "check GITHUB_API_URL")


def github(repository: str, variables: Mapping[str, str], waits: Waits, waiting: Waiting, *, proxied: bool = True) -> GitHub:
    """GitHub's REST API for a repository: at `GITHUB_API_URL`, with the token of `GH_TOKEN` or `GITHUB_TOKEN`.

    proxied: use the proxy and the CA certificates that the variables name, as every other program does.
    """
    address = (variables.get("GITHUB_API_URL") or _API).rstrip("/")
    parts = urlsplit(address)
    if address != _API and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InvalidInput(
            f"GITHUB_API_URL is not {_API}: dpsops knows the tokens of github.com only",
            "remove the variable, or say --repo of github.com",
        )
    token = next((found for name in _TOKENS if (found := variables.get(name, "").strip())), "")
    if not re.fullmatch(r"[\x21-\x7e]*", token):  # an error of the HTTP library would quote it
        raise InvalidInput(
            "the token of GH_TOKEN or GITHUB_TOKEN has characters that no token has", "set it again: gh auth token"
        )
    session = new_session()
    session.trust_env = proxied
    return GitHub(repository, address, token, Transport(waits, waiting, session=session))
