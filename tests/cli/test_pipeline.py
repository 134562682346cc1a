"""`dpsops pipeline setup`, as it is typed: what it prints, what it asks, and how it ends."""

from __future__ import annotations

import html
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.cli.pipeline import NOBODY
from tests.cli.runner import Job, commands
from tests.cli.terminal import LOCAL, Terminal, assert_error, served
from tests.github import REPOSITORY, Stub, environment
from tests.github import served as github_served

SETUP = ("pipeline", "setup", "--repo", REPOSITORY)
TOKEN = "ghp_0123456789"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """GitHub, where the environments of `local` are protected."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with github_served("local") as found:
        monkeypatch.setenv("GITHUB_API_URL", found.address)
        yield found


@pytest.mark.usefixtures("stub")
def test_it_prints_what_it_made_and_what_remains(terminal: Terminal) -> None:
    code, out, err = terminal(*SETUP)
    assert code == 0, err
    assert "✓ identity id-dpsops-local-planner: created\n" in out
    assert "✓ federated credential github-local-ids of id-dpsops-local-deployer: repo:octo-org@9919/fleet@4711:" in out
    lines = [line.strip() for line in out.splitlines() if line.startswith("    gh variable set ")]
    assert len(lines) == 12
    assert lines[0].startswith("gh variable set AZURE_CLIENT_ID --repo octo-org/fleet --env local-plan --body ")
    settings = tomllib.loads(out.partition("whoever makes it:\n")[2])
    assert settings["access"]["principals"][0]["type"] == "ServicePrincipal"


@pytest.mark.usefixtures("stub")
def test_said_again_it_says_that_nothing_is_left(terminal: Terminal) -> None:
    assert terminal(*SETUP)[0] == 0
    code, out, err = terminal(*SETUP)
    assert (code, err.splitlines()[:2]) == (0, ["dpsops: asking GitHub", "dpsops: looking at what is there"])
    assert err.splitlines()[2:] == [f"dpsops: note: {NOBODY}"]
    assert out.startswith("Nothing to do in Azure.\n")


@pytest.mark.usefixtures("stub")
def test_json_says_the_same(terminal: Terminal) -> None:
    looked = terminal.json(*SETUP, "--dry-run")
    assert (looked["changed"], looked["variables"], looked["settings"]) == (False, [], None)
    assert {each["outcome"] for each in looked["actions"]} == {"planned"}
    made = terminal.json(*SETUP)
    assert made["changed"] is True
    assert [each["target"] for each in made["actions"]] == [each["target"] for each in looked["actions"]]
    assert [(each["identity"], each["github_environment"], each["trusted"]) for each in made["identities"]] == [
        ("planner", "local-plan", True),
        ("deployer", "local", True),
        ("issuer", "local-issue", True),
        ("operator", "local-rotate", True),
    ]
    values = {(each["environment"], each["name"]): each["value"] for each in made["variables"]}
    assert values["local", "AZURE_CLIENT_ID"] == made["identities"][1]["client_id"]
    assert made["identities"][3]["principal_id"] in made["settings"]
    assert (made["missing"], len(made["commands"])) == ([], 12)
    assert terminal.json(*SETUP) == made | {"changed": False, "actions": []}


@pytest.mark.usefixtures("stub")
def test_a_dry_run_changes_nothing(terminal: Terminal) -> None:
    code, out, _ = terminal(*SETUP, "--dry-run")
    assert code == 0
    first = ["register resource provider Microsoft.ManagedIdentity", "create resource group rg-dpsops-local"]
    assert out.splitlines()[:3] == [f"+ {each}" for each in (*first, "create identity id-dpsops-local-planner")]
    assert "gh variable" not in out
    assert terminal(*SETUP, "--dry-run")[1] == out


def test_an_environment_that_is_not_protected_ends_with_three(terminal: Terminal, stub: Stub) -> None:
    stub.say("/environments/local-rotate", environment("local-rotate"))
    del stub.answers["/environments/local-issue"]
    code, out, _ = terminal(*SETUP)
    assert code == 3
    assert "✗ The environment local-issue on GitHub is not protected, so its identity does not trust it:" in out
    assert "    it has no required reviewers\n" in out
    assert "    gh api --method PUT repos/octo-org/fleet/environments/local-rotate " in out
    code, out, _ = terminal("--output", "json", *SETUP)
    document = json.loads(out)
    assert code == 3
    assert [each["trusted"] for each in document["identities"]] == [True, True, False, False]
    assert [each["environment"] for each in document["missing"]] == ["local-issue", "local-rotate"]
    assert all(each["commands"] for each in document["missing"])


def test_an_environment_that_is_not_protected_is_an_error_of_the_run(terminal: Terminal, stub: Stub, job: Job) -> None:
    stub.say("/environments/local-rotate", environment("local-rotate"))
    assert terminal(*SETUP, "--dry-run")[0] == 3
    assert (job.outputs["changed"], job.outputs["pending"]) == ("false", "true")
    job.begin()
    code, _, err = terminal(*SETUP)
    found = [each for each in commands(err) if each.name == "error"]
    assert (code, len(found)) == (3, 1)
    assert "local-rotate on GitHub is not protected" in found[0].data
    assert "it has no required reviewers" in found[0].data
    assert job.page.startswith("## ❌ dpsops pipeline setup (local)\n")
    assert "gh api --method PUT repos/octo-org/fleet/environments/local-rotate" in html.unescape(job.page)
    assert job.outputs == {"changed": "true", "pending": "false"}


def test_without_github_nothing_is_made(terminal: Terminal, stub: Stub) -> None:
    stub.answers.clear()
    assert_error(terminal(*SETUP), 1, "GitHub shows no repository octo-org/fleet", "GH_TOKEN")
    stub.say("", {"message": "Bad credentials"}, 401)
    assert_error(terminal(*SETUP), 4, "does not accept the token")
    assert "nothing exists yet" in terminal("status")[1]


@pytest.mark.usefixtures("stub")
def test_wrong_words(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_error(terminal("pipeline", "setup"), 2, "--repo")
    assert_error(terminal("pipeline", "setup", "--repo", "fleet"), 2, "OWNER/NAME")
    monkeypatch.setenv("GITHUB_API_URL", "https://github.example.com/api/v3")
    assert_error(terminal(*SETUP), 2, "GITHUB_API_URL")


def test_the_token_is_never_shown(terminal: Terminal, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    code, out, err = terminal("--verbose", *SETUP)
    assert code == 0
    assert {headers["Authorization"] for _, headers in stub.asked} == {f"Bearer {TOKEN}"}
    assert TOKEN not in out + err
    assert "/repos/octo-org/fleet -> 200" in err


@pytest.fixture
def prod(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in which another environment is on the embedded Azure that is served there."""
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL)
    with served(tmp_path):
        variables = terminal.json("local", "env")
        for name, value in variables.items():
            if name.isupper():
                monkeypatch.setenv(name, value)
        yield terminal


def test_without_a_terminal_it_wants_yes(stub: Stub, prod: Terminal) -> None:
    stub.protect_all("prod")
    assert_error(prod("--env", "prod", *SETUP), 2, "there is no terminal to ask", "--yes")
    code, out, err = prod("--env", "prod", *SETUP, "--yes")
    assert code == 0, err
    assert "identity id-dpsops-prod-operator: created" in out
    assert prod("--env", "prod", *SETUP)[:2] == (0, prod("--env", "prod", *SETUP, "--dry-run")[1])


def test_github_is_not_asked_through_the_proxy_of_the_embedded_azure(
    stub: Stub, prod: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.protect_all("prod")
    served_at = prod.json("local", "env")["HTTPS_PROXY"]
    monkeypatch.setenv("HTTP_PROXY", served_at)  # it would answer 405 to a request that is no CONNECT
    assert prod("--env", "prod", *SETUP, "--dry-run")[0] == 0
