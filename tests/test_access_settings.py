"""`[access]` in `infra/NAME.toml`: who gets the roles, and the error for a wrong entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.errors import InvalidInput
from dpsops.settings import Access, Identity
from tests.settings_texts import COMPLETE, SMALL, environment

TEAM, ANNA = "0f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "1F0E0D0C-0B0A-4A0B-8C0D-0E0F0A0B0C0D"
BOTH = Access(principals=[Identity(id=TEAM, type="Group"), Identity(id=ANNA, type="User")])
ONE = f'{{ id = "{TEAM}", type = "Group" }}'
OTHER = f'{{ id = "{ANNA}", type = "User" }}'
LAST = COMPLETE.count("\n")
NO_ID = "an identity is given by its object ID"

STYLES = {
    "in one line": f"[access]\nprincipals = [{ONE}, {OTHER}]\n",
    "one a line": f"[access]\nprincipals = [\n  {ONE},\n  {OTHER},\n]\n",
    "tables": f'[[access.principals]]\nid = "{TEAM}"\ntype = "Group"\n[[access.principals]]\nid = "{ANNA}"\ntype = "User"\n',
}

WRONG: dict[str, tuple[str, int, str]] = {
    # what: the end of the file -> line after the rest, key and what was expected
    "nobody": ("[access]\nprincipals = []\n", 2, "access.principals: there is none: write [[access.principals]], once for each"),
    "a name": ('[access]\nprincipals = [{ id = "anna@contoso.com", type = "User" }]\n', 2, f"access.principals.0.id: {NO_ID}"),
    "a second without UUID": (f"[access]\n# who\nprincipals = [{ONE}, {{ id = '1', type = 'User' }}]\n", 3,
                              f"access.principals.1.id: {NO_ID}"),
    "another type": (STYLES["in one line"].replace('"User"', '"Application"'), 2,
                     "access.principals.1.type: Input should be 'User', 'Group' or 'ServicePrincipal'"),
    "a type in lower case": (STYLES["in one line"].replace('"User"', '"user"'), 2, "access.principals.1.type: Input should be"),
    "no type": (f'[access]\nprincipals = [{{ id = "{TEAM}" }}]\n', 2, "access.principals.0.type: this setting is missing"),
    "no ID": ('[access]\nprincipals = [{ type = "User" }]\n', 2, "access.principals.0.id: this setting is missing"),
    "a role": (f'[access]\nprincipals = [{{ id = "{TEAM}", type = "User", role = "Owner" }}]\n', 2,
               "access.principals.0.role: no such setting"),
    "an ID alone": (f'[access]\nprincipals = ["{TEAM}"]\n', 2, "access.principals.0: this is a table"),
    "one twice": (f"[access]\nprincipals = [{ONE}, {ONE}]\n", 2, f"access.principals: {TEAM} is there twice"),
    "one twice, in two ways": (f"[access]\nprincipals = [{OTHER}, {OTHER.lower().replace('user', 'Group')}]\n", 2,
                               f"access.principals: {ANNA.lower()} is there twice"),
    "the second of two tables": (STYLES["tables"].replace(ANNA, "1"), 5, f"access.principals.1.id: {NO_ID}"),
    "the first of two tables": (STYLES["tables"].replace(TEAM, "1"), 2, f"access.principals.0.id: {NO_ID}"),
    "another key": ("[access]\nprincipal = []\n", 2, "access.principal: no such setting"),
}  # fmt: skip


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_principals_are_read_in_every_style_of_toml(tmp_path: Path, text: str) -> None:
    assert environment(tmp_path, COMPLETE + text).access == BOTH


def test_without_it_nobody_is_named(tmp_path: Path) -> None:
    for text in (SMALL, f"{SMALL}[access]\n"):
        assert environment(tmp_path, text).access == Access()


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_is_refused_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        environment(tmp_path, COMPLETE + text)
    assert refused.value.message.startswith(f"{tmp_path / 'dev.toml'}, line {LAST + line}: {words}")
