"""What holds for every workflow and action, whatever it does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.reading import ROOT, WORKFLOWS, Document, actions, jobs, read, steps, workflows
from tests.pipelines.secrecy import secrets_in
from tests.pipelines.shell import findings
from tests.pipelines.stage import snippets
from tests.pipelines.uv import locked

REUSABLE = {"bootstrap", "issue", "renew", "rotate", "watch"}
SIGN_IN = ("AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID")
each_workflow = pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)


def every_job() -> Iterator[tuple[str, Document]]:
    """Each job, with where it is."""
    for path in workflows():
        for name, job in jobs(read(path)).items():
            yield f"{path.stem}: {name}", job


def uses(document: Document) -> Iterator[str]:
    """What the steps and the jobs use."""
    yield from (step["uses"] for _, step, _ in steps(document) if "uses" in step)
    yield from (job["uses"] for job in document.get("jobs", {}).values() if "uses" in job)


@each_workflow
def test_a_workflow_may_nothing_that_its_jobs_do_not_say(path: Path) -> None:
    document = read(path)
    assert document["permissions"] == {}
    assert document["concurrency" if path.stem != "bootstrap" else "jobs"]
    for name, job in jobs(document).items():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 360, name


def test_only_what_can_be_thrown_away_is_ever_cut_short() -> None:
    groups = [read(path).get("concurrency") for path in workflows()] + [job.get("concurrency") for _, job in every_job()]
    cut = {group["group"].split("-$")[0] for group in groups if group and group["cancel-in-progress"] is not False}
    assert cut == {"call-watch", "ci", "dpsops-watch"}


def test_only_jobs_that_sign_in_get_an_identity() -> None:
    signs_in = {name for name, job in every_job() if job.get("permissions", {}).get("id-token") == "write"}
    azure = {name for name, job in every_job() if any("dpsops " in step.get("run", "") for step in job.get("steps", []))}
    called = {name for name, job in every_job() if "uses" in job}
    assert signs_in == azure | called | {"release: attest", "release: publish"}
    for name, job in every_job():
        if name in azure:
            assert job["env"] == {each: f"${{{{ vars.{each} }}}}" for each in SIGN_IN} | {
                "DPSOPS_ENV": "${{ inputs.environment }}"
            }
            assert re.fullmatch(r"\$\{\{ inputs\.environment \}\}(|-plan|-issue|-rotate)", job["environment"]), name


def test_no_environment_is_in_a_file() -> None:
    for path in (*workflows(), *actions()):
        assert not re.search(r"(?<!/)\b(dev|prod)\b", re.sub(r"#.*", "", path.read_text(encoding="utf-8"))), path


def test_everything_is_pinned_to_a_commit_with_its_version() -> None:
    for path in (*workflows(), *actions()):
        lines = re.findall(r"^ *(?:- )?uses: (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(lines) == len(list(uses(read(path))))
        for line in lines:
            assert re.fullmatch(r"\$/\.github/\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_workflow_for_others_is_called_here() -> None:
    called = {name for path in workflows() for name in uses(read(path)) if name.startswith("$/.github/workflows/")}
    assert called == {f"$/.github/workflows/{name}.yml" for name in REUSABLE}
    for name in REUSABLE:
        assert set(read(WORKFLOWS / f"{name}.yml")["on"]) == {"workflow_call"}


def test_the_two_actions_do_the_same() -> None:
    top, inner = (read(path) for path in actions())
    run = [document["runs"]["steps"].pop()["run"] for document in (top, inner)]
    assert top["runs"] == inner["runs"]
    scripts = [(path.parent / text.partition("/")[2].rstrip('"')).resolve() for path, text in zip(actions(), run, strict=True)]
    assert scripts == [ROOT / "scripts" / "set_up.sh"] * 2


def test_ci_runs_the_makefile_and_nothing_else() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    runs = [step["run"] for _, step, _ in steps(read(WORKFLOWS / "ci.yml")) if "run" in step]
    targets = {each.removeprefix("make ") for each in runs if each.startswith("make ")}
    assert len([each for each in runs if not each.startswith("make ")]) == 1  # which Python it is
    assert targets == {"test", "lint", "pipelines", "az", "browser", "bicep", "wheel"}
    for target in targets | {"release"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    versions = jobs(read(WORKFLOWS / "ci.yml"))["check"]["strategy"]["matrix"]["python"]
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert versions == classified == ["3.11", "3.12", "3.13", "3.14"]


def test_what_runs_beside_a_token_has_no_tool_in_it() -> None:
    assert locked().keys() >= {"azure-identity", "typer", "pydantic"}
    assert not locked().keys() & {"hatchling", "hypothesis", "mypy", "pip", "pytest", "ruff", "setuptools", "zizmor"}


# What the linters see


def test_shellcheck_sees_each_script_of_a_workflow(tmp_path: Path) -> None:
    assert [each for path in (*workflows(), *actions()) for each in findings(path)] == []
    planted = tmp_path / "planted.yml"
    planted.write_text(
        "on: push\njobs:\n  a:\n    env: {KNOWN: x}\n    steps:\n"
        '      - run: echo $KNOWN\n      - run: echo "$UNKNOWN"\n      - run: echo "${{ github.ref }}"\n      - run: echo fine\n'
    )
    first, second, third, *_ = findings(planted)
    assert "a step 1" in first
    assert "SC2086" in first
    assert "a step 2: 3:7: warning: UNKNOWN is referenced but not assigned" in second
    assert third.endswith("a step 3: an expression in a script; say it in env")


def test_what_the_page_shows_passes_what_ours_pass(tmp_path: Path) -> None:
    shown = {path: text for path, text in snippets("pipelines.md").items() if path.startswith(".github/")}
    assert {Path(path).stem for path in shown} == REUSABLE | {"status"}
    for path, text in shown.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("@SHA", f"@{'0' * 40}").replace("OWNER/", "octo-org/"), encoding="utf-8")
    for program, *words in (
        ["zizmor", "--offline", "--no-progress", "--quiet", "--strict-collection", "--persona", "auditor"],
        ["check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows"],
    ):
        command = [str(Path(sys.executable).parent / program), *words, *map(str, tmp_path.rglob("*.yml"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----",
        "a eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln b",
        "HostName=h;SharedAccessKey=abc=",
        "the owner's secret",
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert list(secrets_in(text, ["the owner's secret"]))
    assert not list(secrets_in("-----BEGIN CERTIFICATE-----\nhttps://kv.vault.azure.net/secrets/device-a/1", ["the owner's"]))


def test_an_input_that_is_not_declared_is_refused() -> None:
    from tests.pipelines.run import taken

    declared: dict[str, dict[str, Any]] = {"environment": {"type": "string", "required": True}, "apply": {"type": "boolean"}}
    assert taken(declared, {"environment": "prod"}) == {"environment": "prod", "apply": False}
    for wrong in ({}, {"environment": 1}, {"environment": "prod", "apply": "true"}, {"environment": "prod", "other": 1}):
        with pytest.raises(AssertionError):
            taken(declared, dict(wrong))
