"""The package for users: the wheel is complete, contains nothing else, and runs without its source."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEMPLATE = "dpsops/template/main.json"
SETTINGS = "dpsops/template/environment.toml"


def run(*arguments: str, cwd: Path, **environment: str) -> str:
    """Runs `python ARGUMENTS` in `cwd` and returns its stdout; a failure shows all output."""
    command = [sys.executable, *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DPSOPS")}
    done = subprocess.run(
        command, cwd=cwd, env=inherited | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree by the build backend, without network and isolation."""
    directory = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(directory), cwd=ROOT)
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_contains_the_template_of_the_tree(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(TEMPLATE) == (ROOT / "bicep" / "main.json").read_bytes()


def test_the_wheel_contains_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dpsops").rglob("*.py")}
    page = {f"dpsops/cli/report/page.{kind}" for kind in ("css", "html")}
    assert names == modules | page | {TEMPLATE, SETTINGS, "dpsops/py.typed"}


def test_a_pytest_of_others_finds_the_plugin(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    said = run("-m", "pytest", "--fixtures", "-q", cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert "embedded_azure_clock" in said


def test_the_wheel_runs_without_the_source(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-index", "--no-deps", "--no-compile")
    run(*pip, "--target", str(installed), str(wheel), cwd=elsewhere)
    where = run("-c", "import dpsops; print(dpsops.__file__)", cwd=elsewhere, PYTHONPATH=str(installed))
    assert Path(where.strip()) == installed / "dpsops" / "__init__.py"
    assert "Usage" in run("-m", "dpsops", "--help", cwd=elsewhere, PYTHONPATH=str(installed))
    made = run("-m", "dpsops", "init", "prod", cwd=elsewhere, PYTHONPATH=str(installed))
    assert made.startswith(f"infra{os.sep}prod.toml\n")
    run("-m", "dpsops", "status", "--report", "status.html", cwd=elsewhere, PYTHONPATH=str(installed))
    assert "Nothing exists yet." in (elsewhere / "status.html").read_text()
    assert "root-g1 in DPS dps-dpsops-local: verified" in run("-m", "dpsops", "up", cwd=elsewhere, PYTHONPATH=str(installed))
