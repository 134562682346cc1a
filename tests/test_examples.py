"""The examples that start shards: their commands name each shard once, and no file gives more rights than it needs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.bicep.compiler import compile_file

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
COMMAND = ["--env", "prod", "device", "issue", "--from"]
SHARDS = [f"{shard}/16" for shard in range(1, 17)]


def require_issue(words: list[str], shard: str) -> None:
    """Asserts that these are the words of `device issue` for one shard."""
    assert words[:5] == COMMAND
    assert Path(words[5]).name == "devices.csv"
    assert words[6:] == ["--shard", shard, "--keep-going"]


def said_in_a_shell(script: str, directory: Path, variables: dict[str, str]) -> list[str]:
    """The words that `dpsops` gets if a shell runs this."""
    (directory / "dpsops").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="ascii")
    (directory / "dpsops").chmod(0o755)
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", script], env=variables | {"PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((EXAMPLES / "issue-shards.job.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in documents}


def container() -> Any:
    (found,) = kubernetes()["Job"]["spec"]["template"]["spec"]["containers"]
    return found


# Kubernetes


def test_each_index_is_one_shard(tmp_path: Path) -> None:
    job = kubernetes()["Job"]["spec"]
    assert container()["command"] == ["sh", "-c"]
    (script,) = container()["args"]

    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 16, 16)
    for index in range(job["completions"]):
        require_issue(said_in_a_shell(script, tmp_path, {"JOB_COMPLETION_INDEX": str(index)}), SHARDS[index])


def test_a_shard_that_fails_stops_no_other_and_is_started_again() -> None:
    job = kubernetes()["Job"]["spec"]

    assert job["backoffLimitPerIndex"] > 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # which backoffLimitPerIndex requires
    assert "backoffLimit" not in job
    final = [rule for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailIndex"]
    assert [rule["onExitCodes"]["values"] for rule in final] == [[2, 4]]  # 1 and 3 may pass the next time
    assert final[0]["onExitCodes"]["containerName"] == container()["name"]


def test_the_pod_may_do_nothing_but_run() -> None:
    pod = kubernetes()["Job"]["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "@sha256:" in container()["image"]
    assert container()["resources"].keys() == {"requests", "limits"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["name"]: mount for mount in container()["volumeMounts"]}
    assert volumes.keys() == mounted.keys()
    assert {name for name, mount in mounted.items() if not mount.get("readOnly")} == {"temporary"}


def test_it_signs_in_without_a_secret() -> None:
    found = kubernetes()
    template = found["Job"]["spec"]["template"]

    assert template["metadata"]["labels"] == {"azure.workload.identity/use": "true"}
    assert template["spec"]["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]
    assert found["ServiceAccount"]["metadata"]["annotations"].keys() == {"azure.workload.identity/client-id"}
    assert {document["metadata"]["namespace"] for document in found.values()} == {"dpsops"}
    assert "Secret" not in found
    assert [variable["name"] for variable in container()["env"]] == ["AZURE_SUBSCRIPTION_ID", "PYTHONDONTWRITEBYTECODE"]


# Container Apps


def test_there_is_a_container_apps_job_for_each_shard(tmp_path: Path) -> None:
    name = "issue-shards.bicep"
    template = compile_file(name, {name: (EXAMPLES / name).read_text(encoding="utf-8")})
    (job,) = template["resources"]
    (program,) = job["properties"]["template"]["containers"]

    assert template["parameters"]["shards"]["defaultValue"] == 16
    assert job["copy"] == {"name": "issue", "count": "[length(range(1, parameters('shards')))]"}
    turn = "range(1, parameters('shards'))[copyIndex()]"
    assert job["name"] == f"[format('issue-{{0}}', {turn})]"
    assert program["command"] == ["sh", "-c"]
    (script,) = program["args"]
    written = re.fullmatch(rf"\[format\('cd /fleet && (.*)', {re.escape(turn)}, parameters\('shards'\)\)\]", script)
    assert written is not None
    for index, shard in enumerate(SHARDS):
        require_issue(said_in_a_shell(written[1].format(index + 1, 16), tmp_path, {}), shard)


def test_a_container_apps_job_starts_one_replica_without_a_secret() -> None:
    name = "issue-shards.bicep"
    (job,) = compile_file(name, {name: (EXAMPLES / name).read_text(encoding="utf-8")})["resources"]
    settings = job["properties"]["configuration"]

    assert settings["manualTriggerConfig"] == {"parallelism": 1, "replicaCompletionCount": 1}
    assert settings["replicaRetryLimit"] > 0
    assert "secrets" not in settings
    assert job["identity"]["type"] == "UserAssigned"
    assert [each.keys() for each in settings["registries"]] == [{"server", "identity"}]
