"""How long the fuzz is: `DPSOPS_TEST_FUZZ` times what `make test` runs, always the same; `DPSOPS_TEST_SEED` for others."""

from __future__ import annotations

import os

TIMES = int(os.environ.get("DPSOPS_TEST_FUZZ", "1"))
SEED = int(os.environ.get("DPSOPS_TEST_SEED", "1"))
