"""`pipeline setup`: the identities with which the pipelines of a repository sign in to Azure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dpsops.azure.github import GitHub
from dpsops.azure.pipeline_identities import PipelineIdentities
from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.github import Demand, GitHubEnvironment, Repository
from dpsops.model.pipeline import WantedIdentity, demands, role_ids, wanted_identities
from dpsops.model.pipeline_report import Variable, missing_principals, unassigned, variables, warnings
from dpsops.model.pipeline_steps import CreateIdentity, Found, FoundIdentity, Step, decide
from dpsops.model.run import Run
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True)
class Unprotected:
    """An environment on GitHub that is not protected, why, and the lines for a shell that protect it."""

    environment: str
    reasons: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What there is, and what is missing."""

    repository: Repository
    identities: tuple[WantedIdentity, ...]
    unprotected: tuple[Unprotected, ...]
    found: Found
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]

    @property
    def planned(self) -> tuple[Action, ...]:
        """The steps, for people."""
        return tuple(replace(step.action, outcome="planned") for step in self.steps)


@dataclass(frozen=True, slots=True)
class Rest:
    """What remains to be done by hand: variables on GitHub, lines in the settings, and what this command does once more is there.
    `identities`: those that exist, by name."""

    identities: Mapping[str, FoundIdentity]
    variables: tuple[Variable, ...]
    settings: str
    again: str


def survey(run: Run, identities: PipelineIdentities, github: GitHub) -> Setup:
    """Finds out what is missing, and changes nothing. GitHub is asked first: without its answer nothing can be decided."""
    environment = run.environment
    run.progress("asking GitHub")
    repository = github.observe()
    asked = {demand.environment: (demand, github.environment(demand.environment)) for _, demand in demands(environment)}
    unprotected = tuple(_unprotected(repository, asked, github))
    wanted = wanted_identities(environment, repository, {each.environment for each in unprotected})
    run.progress("looking at what is there")
    found = identities.observe([each.name for each in wanted], role_ids(environment, identities.group))
    told = warnings(environment, repository, found, wanted)
    return Setup(repository, wanted, unprotected, found, tuple(decide(environment, found, wanted)), told)


def _unprotected(
    repository: Repository, asked: Mapping[str, tuple[Demand, GitHubEnvironment | None]], github: GitHub
) -> Iterator[Unprotected]:
    any_protected = any(found and found.protected_branches for _, found in asked.values()) and github.protects_a_branch()
    for name, (demand, found) in asked.items():
        if reasons := demand.missing(found, any_protected=any_protected):
            yield Unprotected(name, reasons, demand.commands(repository, found, any_protected=any_protected))


def set_up(run: Run, identities: PipelineIdentities, setup: Setup) -> Iterator[Action]:
    """Takes the steps; yields each when it is done. Raises `Refused` if an identity is gone as soon as it was made."""
    principals = {name: each.principal for name, each in setup.found.identities.items()}
    for step in setup.steps:
        run.progress(f"{step.action.action} {step.action.target}")
        identities.take(step, principals)
        if isinstance(step, CreateIdentity):
            made = identities.identity(step.name)
            if made is None:
                raise Refused(f"the identity {step.name} is not there any more", "run the command again")
            principals[step.name] = made.principal
        yield step.action


def rest(environment: Environment, identities: PipelineIdentities, setup: Setup) -> Rest:
    """What remains to be done, once the steps are taken."""
    there: dict[str, FoundIdentity] = {}
    for each in setup.identities:
        found = setup.found.identities.get(each.name) or identities.identity(each.name)
        if found is not None:
            there[each.name] = found
    operator = there.get(setup.identities[-1].name)
    return Rest(
        there,
        variables(identities.subscription, setup.identities, there),
        missing_principals(environment, operator),
        unassigned(environment, setup.found),
    )
