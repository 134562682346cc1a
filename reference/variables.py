"""The page of the environment variables."""

from __future__ import annotations

from reference.markdown import code, page, table
from reference.meanings import LIBRARIES, VARIABLES


def variables_page() -> str:
    """The page."""
    return page(
        "Environment variables",
        "The variables that dpsops reads. None is needed on the embedded Azure.",
        table(("variable", "meaning"), ((code(name), meaning) for name, meaning in VARIABLES.items())),
        "## Those of the libraries",
        "dpsops does not read these itself; what it is made of does.",
        table(("variable", "meaning"), ((code(name), meaning) for name, meaning in LIBRARIES.items())),
    )
