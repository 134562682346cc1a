"""The terminal of the tests of the command line, for the fuzz too."""

from __future__ import annotations

from tests.cli.conftest import terminal

__all__ = ["terminal"]
