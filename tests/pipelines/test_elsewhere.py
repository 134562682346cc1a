"""A pipeline that is not GitHub's, as docs/pipelines.md shows it: it signs in with a token in a file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import jwt
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.cli.embedded import variables
from dpsops.emulator.identity.state import (
    OPERATOR,
    FederatedCredential,
    publish_keys,
    trust,
)
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World
from tests.cli.terminal import LOCAL
from tests.pipelines.reading import ROOT
from tests.pipelines.stage import snippets

ISSUER, SUBJECT, AUDIENCE = "https://gitlab.com", "project_path:acme/fleet:ref_type:branch:ref:main", "api://AzureADTokenExchange"


def test_gitlabs_job_makes_a_plan(tmp_path: Path) -> None:
    """The job that the page shows, with its token and its variables, as GitLab would run it."""
    page = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
    assert (ISSUER in page, SUBJECT in page) == (True, True)
    job = yaml.safe_load(snippets("pipelines.md")[".gitlab-ci.yml"])["plan"]
    ((name, token),) = job["id_tokens"].items()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL, encoding="utf-8")
    with EmbeddedAzure(tmp_path / "azure") as azure:
        now = azure.azure.clock.now()
        with azure.azure.database.transaction() as state:
            publish_keys(World(state, now), ISSUER, {"gitlab": key.public_key()})
            trust(World(state, now), OPERATOR.app_id, FederatedCredential("gitlab-main", ISSUER, SUBJECT, AUDIENCE))
        claims = {"iss": ISSUER, "sub": SUBJECT, "aud": token["aud"], "iat": int(now), "nbf": int(now), "exp": int(now) + 3600}
        given = variables(azure)
        del given["AZURE_CLIENT_SECRET"]
        given |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "CI_PROJECT_DIR": str(tmp_path)}
        given[name] = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "gitlab"})
        given |= {each: re.sub(r"\$(\w+)", lambda found: given[found[1]], text) for each, text in job["variables"].items()}
        done = subprocess.run(
            ["sh", "-ec", "\n".join(job["script"])], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert "+ create enrollment group devices" in done.stdout
    assert [each for each in job["artifacts"]["paths"] if (tmp_path / each).is_file()] == ["plan.json"]
    assert (tmp_path / ".token").stat().st_mode & 0o077 == 0
