"""GitHub's REST API, as far as dpsops reads it: a server with answers in the shapes of GitHub's public documentation.

Source: GitHub REST API 2022-11-28, the example answers of "Get a repository", "Get an environment", "List deployment branch
policies", "List branches" and "Get the customization template for an OIDC subject claim for a repository".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from dpsops.emulator.http import Response

REPOSITORY, PREFIX = "octo-org/fleet", "repo:octo-org/fleet"
_ANA = {"type": "User", "reviewer": {"login": "ana", "id": 7, "node_id": "MDQ6VXNlcjc=", "type": "User", "site_admin": False}}


@dataclass(frozen=True, slots=True)
class Plain(Response):
    """An answer with these very bytes and headers."""

    raw: bytes = b""

    def content(self) -> bytes:
        """The bytes."""
        return self.raw

    def fields(self, now: float) -> dict[str, str]:
        """The headers."""
        return dict(self.headers)


@dataclass
class Stub:
    """Answers by path below the repository, each a status and a document; anything else is 404. `spoil`: what becomes of the
    answer to a path on its way. `asked`: the paths and the headers of the requests, in their order."""

    address: str
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    spoil: Callable[[str, Response], Response] = lambda path, answer: answer
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def say(self, path: str, document: Any, status: int = 200) -> None:
        """Sets an answer."""
        self.answers[path] = (status, document)

    def protect(self, name: str, *branches: str, reviewed: bool = False) -> None:
        """Makes an environment with a branch policy, and with reviewers."""
        policy = {"id": 361471, "node_id": "MDE2OkdhdGVCcmFuY2g=", "name": "main", "type": "branch"}
        found = [policy | {"id": 361471 + number, "name": branch} for number, branch in enumerate(branches)]
        self.say(f"/environments/{name}", environment(name, reviewed=reviewed))
        self.say(f"/environments/{name}/deployment-branch-policies", {"total_count": len(found), "branch_policies": found})

    def protect_all(self, name: str) -> None:
        """Makes the four environments of an environment of dpsops as they must be."""
        self.protect(f"{name}-plan", "main", "refs/pull/*/merge")
        self.protect(name, "main", reviewed=True)
        self.protect(f"{name}-issue", "main")
        self.protect(f"{name}-rotate", "main", reviewed=True)


def environment(name: str, *, reviewed: bool = False) -> dict[str, Any]:
    """An environment with patterns for its branches."""
    rules: list[dict[str, Any]] = [
        {"id": 3736, "node_id": "MDQ6R2F0ZTM3MzY=", "type": "wait_timer", "wait_timer": 30},
        {"id": 3756, "node_id": "MDQ6R2F0ZTM3NTY=", "type": "branch_policy"},
    ]
    if reviewed:
        rules.append(
            {"id": 3755, "node_id": "MDQ6R2F0ZTM3NTU=", "prevent_self_review": False, "type": "required_reviewers"}
            | {"reviewers": [_ANA]}
        )
    return {
        "id": 161088068,
        "node_id": "MDExOkVudmlyb25tZW50MTYxMDg4MDY4",
        "name": name,
        "url": f"https://api.github.com/repos/{REPOSITORY}/environments/{name}",
        "created_at": "2020-11-23T22:00:40Z",
        "updated_at": "2020-11-23T22:00:40Z",
        "protection_rules": rules,
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    }


def repository() -> dict[str, Any]:
    """The repository, with a few of its many members."""
    owner = {"login": "octo-org", "id": 9919, "node_id": "MDEyOk9yZ2FuaXphdGlvbjk5MTk=", "type": "Organization"}
    return {
        "id": 4711,
        "node_id": "MDEwOlJlcG9zaXRvcnk0NzEx",
        "name": "fleet",
        "full_name": REPOSITORY,
        "owner": owner,
        "private": False,
        "default_branch": "main",
    }


@contextmanager
def served(name: str = "local") -> Iterator[Stub]:
    """A server that has the repository, whose environments are as they must be, until the block ends."""
    stub: Stub

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.asked.append((self.path, dict(self.headers)))
            path = urlsplit(self.path).path.removeprefix(f"/repos/{REPOSITORY}")
            status, document = stub.answers.get(path, (404, {"message": "Not Found", "status": "404"}))
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            remaining = "0" if status == 403 and b"rate limit" in body else "59"
            fields = {"Content-Type": "application/json; charset=utf-8", "X-RateLimit-Remaining": remaining}
            answer = stub.spoil(path, Plain(status, headers=fields, raw=body))
            self.send_response(answer.status)
            for name, value in answer.fields(0).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content())))
            self.end_headers()
            self.wfile.write(answer.content())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_address[1]}")
    stub.say("", repository())
    stub.say("/actions/oidc/customization/sub", {"use_default": True})
    stub.protect_all(name)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
