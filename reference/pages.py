"""All pages of the reference, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reference.commands import commands_page
from reference.documents import actions_page, documents_page
from reference.exits import exits_page
from reference.settings import settings_page
from reference.variables import variables_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "documents.md": documents_page,
    "actions.md": actions_page,
    "exit-codes.md": exits_page,
    "environment.md": variables_page,
}
