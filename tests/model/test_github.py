"""What an environment on GitHub must have before an identity trusts its jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.errors import InvalidInput
from dpsops.model.github import (
    PULL_REQUESTS,
    Demand,
    GitHubEnvironment,
    Pattern,
    Repository,
    Reviewer,
    repository_name,
)  # fmt: skip

FLEET = Repository("octo-org", "fleet", 9919, 4711, "main")
PLAN = Demand("prod-plan", pull_requests=True)
PROD = Demand("prod", reviewed=True)
MAIN = (Pattern(1, "main"),)
ANA = Reviewer("User", 7)
SAFE = GitHubEnvironment("prod", patterns=MAIN, reviewers=(ANA,))


def missing(demand: Demand, found: GitHubEnvironment | None, *, any_protected: bool = True) -> str:
    return "; ".join(demand.missing(found, any_protected=any_protected))


def commands(demand: Demand, found: GitHubEnvironment | None, *, any_protected: bool = True) -> list[str]:
    return [each.removeprefix("gh api --method ") for each in demand.commands(FLEET, found, any_protected=any_protected)]


def test_the_two_subjects_of_a_repository() -> None:
    assert FLEET.prefixes == ("repo:octo-org/fleet", "repo:octo-org@9919/fleet@4711")


@pytest.mark.parametrize("name", ["octo-org/fleet", "Octo_emu/.github", "a/b.c"])
def test_names_of_repositories(name: str) -> None:
    assert repository_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "fleet", "octo-org/", "/fleet", "a/b/c", "a/..", "a/.", "a b/c", "a/b?", "https://github.com/a/b", "a/b\n"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not the name of a repository"):
        repository_name(name)


@pytest.mark.parametrize(
    "pattern", ["*", "**", "**/*", "*/*", "?*", "[a-z]*", "refs/heads/*", "refs/heads/**", "refs/**", "refs/*/**", "refs/tags/*"]
)
def test_a_pattern_without_a_letter_admits_every_branch(pattern: str) -> None:
    assert Pattern(1, pattern).admits_all
    assert "admits every branch" in missing(PROD, replace(SAFE, patterns=(*MAIN, Pattern(2, pattern))))


@pytest.mark.parametrize("pattern", ["main", "release/*", "v*", "refs/heads/main", "refs", PULL_REQUESTS])
def test_a_pattern_with_a_letter_asks_something(pattern: str) -> None:
    assert not Pattern(1, pattern).admits_all


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "it does not exist"),
        (replace(SAFE, patterns=None), "no branch policy"),
        (replace(SAFE, patterns=()), "admits no branch"),
        (replace(SAFE, patterns=(Pattern(2, PULL_REQUESTS), *MAIN)), "'refs/pull/*/merge' admits pull requests"),
        (replace(SAFE, reviewers=()), "no required reviewers"),
        (replace(SAFE, name="Prod"), "spelled 'Prod'"),
        (GitHubEnvironment("prod"), "no branch policy, so it admits every branch; it has no required reviewers"),
    ],
)
def test_what_is_missing(found: GitHubEnvironment | None, words: str) -> None:
    assert words in missing(PROD, found)


def test_nothing_is_missing_where_reviewed_code_alone_gets_in() -> None:
    assert missing(PROD, SAFE) == ""
    assert commands(PROD, SAFE) == []
    protected = replace(SAFE, patterns=None, protected_branches=True)
    assert missing(PROD, protected) == ""
    assert "protects none" in missing(PROD, protected, any_protected=False)


def test_pull_requests_may_plan_and_nothing_else() -> None:
    both = GitHubEnvironment("prod-plan", patterns=(*MAIN, Pattern(2, PULL_REQUESTS)))
    assert missing(PLAN, both) == ""
    assert "pull requests" in missing(Demand("prod-plan"), both)
    assert "pull requests" in missing(PLAN, replace(both, patterns=(Pattern(2, "refs/pull/*/head"),)))


def test_the_lines_for_an_environment_that_is_not_there() -> None:
    place = "repos/octo-org/fleet/environments/prod"
    assert commands(PROD, None) == [
        f"PUT {place} -F 'deployment_branch_policy[protected_branches]=false' "
        "-F 'deployment_branch_policy[custom_branch_policies]=true' "
        "-F 'reviewers[][type]=User' -F \"reviewers[][id]=$(gh api user --jq .id)\"",
        f"POST {place}/deployment-branch-policies -f name=main",
    ]
    assert commands(PLAN, None)[1:] == [
        f"POST repos/octo-org/fleet/environments/prod-plan/deployment-branch-policies -f name={name}"
        for name in ("main", "'refs/pull/*/merge'")
    ]


def test_what_an_environment_has_is_said_again_because_github_replaces_it() -> None:
    (line,) = commands(PROD, GitHubEnvironment("prod", protected_branches=True, wait_timer=30, prevent_self_review=True))
    assert "[protected_branches]=true' -F 'deployment_branch_policy[custom_branch_policies]=false'" in line
    assert "-F wait_timer=30 -F prevent_self_review=true" in line
    team = GitHubEnvironment("prod", reviewers=(Reviewer("Team", 8), ANA))
    first, second = commands(PROD, team)
    assert "-F 'reviewers[][type]=Team' -F 'reviewers[][id]=8' -F 'reviewers[][type]=User' -F 'reviewers[][id]=7'" in first
    assert "gh api user" not in first
    assert second.endswith("-f name=main")


def test_a_pattern_that_admits_too_much_is_removed_and_the_others_stay() -> None:
    place = "repos/octo-org/fleet/environments/prod/deployment-branch-policies"
    assert commands(PROD, replace(SAFE, patterns=(*MAIN, Pattern(2, "*")))) == [f"DELETE {place}/2"]
    assert commands(PROD, replace(SAFE, patterns=(Pattern(2, "*"),))) == [f"POST {place} -f name=main", f"DELETE {place}/2"]


def test_a_protected_branch_that_is_not_there_is_replaced_by_a_pattern() -> None:
    first, second = commands(PROD, replace(SAFE, patterns=None, protected_branches=True), any_protected=False)
    assert "[custom_branch_policies]=true" in first
    assert second.endswith("-f name=main")


def test_the_name_of_a_branch_is_quoted_for_the_shell() -> None:
    strange = replace(FLEET, default_branch="main;rm")
    assert PROD.commands(strange, None, any_protected=True)[1].endswith("-f name='main;rm'")
