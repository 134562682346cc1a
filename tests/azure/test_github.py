"""What GitHub says of a repository: read at the door, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpsops.azure.github import GitHub, github
from dpsops.azure.waits import Waiting
from dpsops.errors import Denied, Error, InvalidInput, Missing, NotAllowed, Refused, Throttled, Unavailable, Unreadable
from dpsops.model.github import GitHubEnvironment, Pattern, Repository, Reviewer
from dpsops.settings import Waits
from tests.github import REPOSITORY, Stub, environment, repository, served

TOKEN = "ghp_0123456789"
QUICK = Waits(request_seconds=2.0)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with served("prod") as found:
        yield found


def reader(stub: Stub, **variables: str) -> GitHub:
    return github(REPOSITORY, {"GITHUB_API_URL": stub.address, **variables}, QUICK, Waiting())


def test_a_repository_and_its_environments(stub: Stub) -> None:
    with closing(reader(stub)) as found:
        assert found.observe() == Repository("octo-org", "fleet", 9919, 4711, "main")
        assert found.environment("prod") == GitHubEnvironment(
            "prod", patterns=(Pattern(361471, "main"),), reviewers=(Reviewer("User", 7),), wait_timer=30
        )
        assert found.environment("none") is None
    paths = [path for path, _ in stub.asked]
    assert paths[:3] == [f"/repos/{REPOSITORY}{rest}" for rest in ("", "/actions/oidc/customization/sub", "/environments/prod")]
    assert all("Authorization" not in headers for _, headers in stub.asked)


def test_policies_of_other_kinds(stub: Stub) -> None:
    open_ = environment("prod") | {"deployment_branch_policy": None, "protection_rules": []}
    with closing(reader(stub)) as found:
        stub.say("/environments/prod", open_)
        assert found.environment("prod") == GitHubEnvironment("prod")
        by_protection = {"protected_branches": True, "custom_branch_policies": False}
        stub.say("/environments/prod", open_ | {"deployment_branch_policy": by_protection})
        assert found.environment("prod") == GitHubEnvironment("prod", protected_branches=True)


def test_reviewers_that_are_gone_do_not_count(stub: Stub) -> None:
    rules = [
        {"id": 1, "type": "required_reviewers", "prevent_self_review": True, "reviewers": [{"type": "User", "reviewer": None}]}
    ]
    stub.say("/environments/prod", environment("prod") | {"protection_rules": rules})
    with closing(reader(stub)) as found:
        made = found.environment("prod")
    assert made is not None
    assert (made.reviewers, made.prevent_self_review) == ((), True)


def test_every_page_of_branch_policies_is_read(stub: Stub) -> None:
    many = [{"id": number, "name": f"b{number}"} for number in range(100)]
    pages = [many, [{"id": 100, "name": "*"}]]

    class Pages(dict[str, tuple[int, Any]]):
        def get(self, path: str, default: Any = None) -> Any:
            if path.endswith("policies"):
                return 200, {"total_count": 101, "branch_policies": pages.pop(0)}
            return super().get(path, default)

    stub.answers = Pages(stub.answers)
    with closing(reader(stub)) as found:
        made = found.environment("prod")
    assert made is not None
    assert [each.name for each in (made.patterns or ())[-2:]] == ["b99", "*"]
    assert [path.partition("?")[2] for path, _ in stub.asked[-2:]] == ["per_page=100&page=1", "per_page=100&page=2"]


@pytest.mark.parametrize(
    ("branches", "protects"),
    [
        ([], False),
        ([{"name": "main", "protected": True, "protection": {"enabled": True}}], True),
        ([{"name": "main", "protected": True}], True),
        ([{"name": "main", "protected": True, "protection": {"enabled": False}}], False),
    ],
)
def test_whether_a_branch_is_protected(stub: Stub, branches: list[Any], protects: bool) -> None:
    stub.say("/branches", branches)
    with closing(reader(stub)) as found:
        assert found.protects_a_branch() is protects


@pytest.mark.parametrize(
    ("status", "document", "kind", "words"),
    [
        (404, {"message": "Not Found"}, Missing, "GH_TOKEN"),
        (401, {"message": "Bad credentials"}, NotAllowed, "does not accept the token"),
        (403, {"message": "Resource not accessible by personal access token"}, Denied, "does not let this identity read"),
        (403, {"message": "API rate limit exceeded"}, Throttled, "too many requests"),
        (301, {"message": "Moved Permanently"}, Refused, "renamed or moved"),
        (451, {"message": "Unavailable"}, Error, "451"),
        (200, repository() | {"name": "barge"}, Refused, "called octo-org/barge now"),
        (200, b"<html>", Unreadable, "GitHub"),
        (200, [], Unreadable, "GitHub"),
    ],
)
def test_answers_that_are_no_repository(stub: Stub, status: int, document: Any, kind: type[Error], words: str) -> None:
    stub.say("", document, status)
    with closing(reader(stub)) as found, pytest.raises(kind) as error:
        found.observe()
    assert type(error.value) is kind
    assert words in f"{error.value.message} {error.value.hint}"
    assert error.value.hint


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"use_default": False, "include_claim_keys": ["repo", "context", "job_workflow_ref"]}, "a template of its own"),
        ({"use_default": True, "sub_claim_prefix": "repo:octo-org-9919/fleet-4711"}, "which dpsops does not know"),
    ],
)
def test_another_subject_is_refused(stub: Stub, answer: Any, words: str) -> None:
    stub.say("/actions/oidc/customization/sub", answer)
    with closing(reader(stub)) as found, pytest.raises(Refused, match=words):
        found.observe()


@pytest.mark.parametrize("prefix", ["repo:octo-org/fleet", "repo:octo-org@9919/fleet@4711", None])
def test_both_usual_subjects_are_known(stub: Stub, prefix: str | None) -> None:
    stub.say("/actions/oidc/customization/sub", {"use_default": True, "sub_claim_prefix": prefix})
    with closing(reader(stub)) as found:
        assert found.observe().id == 4711


def test_a_subject_that_nobody_may_see_is_not_guessed(stub: Stub) -> None:
    del stub.answers["/actions/oidc/customization/sub"]
    with closing(reader(stub)) as found, pytest.raises(Refused, match="does not say"):
        found.observe()


def test_the_token_is_in_a_header_and_nowhere_else(stub: Stub) -> None:
    for variables in ({"GH_TOKEN": TOKEN}, {"GITHUB_TOKEN": f"{TOKEN}\n"}, {"GH_TOKEN": TOKEN, "GITHUB_TOKEN": "other"}):
        stub.asked.clear()
        with closing(reader(stub, **variables)) as found:
            found.observe()
        assert {headers["Authorization"] for _, headers in stub.asked} == {f"Bearer {TOKEN}"}
        assert all(TOKEN not in path for path, _ in stub.asked)
    with pytest.raises(InvalidInput) as error:
        reader(stub, GH_TOKEN=f"{TOKEN}\nx")
    assert TOKEN not in f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize(
    "address", ["http://api.github.com", "https://example.com", "ftp://127.0.0.1", "x", "https://api.github.com.example.com"]
)
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="GITHUB_API_URL"):
        github(REPOSITORY, {"GITHUB_API_URL": address, "GH_TOKEN": TOKEN}, QUICK, Waiting())


def test_no_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpsops.azure.transport.Transport.sleep", lambda *_: None)
    with served("prod") as stub:
        address = stub.address
    silent = github(REPOSITORY, {"GITHUB_API_URL": address}, QUICK, Waiting())
    with closing(silent), pytest.raises(Unavailable) as error:
        silent.observe()
    assert "nothing was changed" in f"{error.value.message} {error.value.hint}"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "main", "*", "User", "required_reviewers"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "name", "type", "reviewers"]), inner),
    max_leaves=4,
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in inner:
        yield from _places(value, (*path, key))


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = json.loads(json.dumps(document))
    there = copy
    for key in path[:-1]:
        there = there[key]
    if value == "remove":
        del there[path[-1]]
    else:
        there[path[-1]] = value
    return copy


@pytest.mark.usefixtures("unmeasured")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_answer_of_any_shape_is_read_or_refused_in_words(stub: Stub, data: st.DataObject) -> None:
    known = dict(stub.answers)
    known["/branches"] = (200, [{"name": "main", "protected": True, "protection": {"enabled": True}}])
    path = data.draw(st.sampled_from(sorted(path for path in known if "prod-" not in path)))
    place = data.draw(st.sampled_from(list(_places(known[path][1]))))
    stub.answers = known | {path: (200, _changed(known[path][1], place, data.draw(_JSON | st.just("remove"))))}
    try:
        refused = _refusal(stub)
    finally:
        stub.answers = {each: answer for each, answer in known.items() if each != "/branches"}
    assert refused is None or (refused.message and refused.hint)


def _refusal(stub: Stub) -> Error | None:
    try:
        with closing(reader(stub)) as found:
            found.observe()
            found.environment("prod")
            found.protects_a_branch()
    except Error as error:
        return error
    return None
