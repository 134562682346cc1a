#!/usr/bin/env bash
# Puts `dpsops` on the PATH of a job on GitHub that may hold a token, so nothing comes into that job but what this commit names:
# - dpsops itself is this source. It is not built: a build would bring a build backend that no lock names.
# - What it needs is requirements-runtime.lock, by hash, from wheels alone, without what only develops or tests it.
# Nothing is cached, and no settings of the repository that the job runs for are read. Needs uv.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home="$RUNNER_TEMP/dpsops"
export UV_NO_CACHE=1 UV_NO_CONFIG=1

uv venv --quiet --clear --python-preference system --python '>=3.11' "$home/venv"
uv pip install --quiet --python "$home/venv" --no-deps --require-hashes --only-binary :all: \
    --requirement "$source/requirements-runtime.lock"
for packages in "$home"/venv/lib/python3.*/site-packages; do
    printf '%s\n' "$source" >"$packages/dpsops.pth"
done
mkdir -p "$home/bin"
# Isolated, so that no module of the working directory comes before those of the lock.
printf '#!/bin/sh\nexec "%s" -I -m dpsops "$@"\n' "$home/venv/bin/python" >"$home/bin/dpsops"
chmod +x "$home/bin/dpsops"
"$home/bin/dpsops" --version
printf '%s\n' "$home/bin" >>"$GITHUB_PATH"
