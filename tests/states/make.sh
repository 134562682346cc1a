#!/usr/bin/env bash
# Creates an environment on the embedded Azure with the dpsops of this tree, and saves it three times, each in a new folder beside
# this script: NAME-stable, NAME-draining (a rotation waits for devices) and NAME-rotated (the rotation is finished). NAME is the
# first argument, or the version of dpsops. Needs `make setup`.
set -euo pipefail
tree="$(cd "$(dirname "$0")/../.." && pwd)"
PATH="$tree/.venv/bin:$PATH"
unset DPSOPS_ENV
name="${1:-$(dpsops --version | cut -d ' ' -f 2)}"
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
cd "$place"

show() { printf '$ %s\n' "$*"; "$@"; }
keep() { PYTHONPATH="$tree" python -m tests.states.kept "$name-$1"; }

mkdir infra
cat >infra/local.toml <<'END'
location = "westeurope"
resource_group = "rg-dpsops-local"
[vault]
name = "kv-dpsops-local"
[dps]
name = "dps-dpsops-local"
[[hub]]
name = "iot-dpsops-local"
[root]
key = "EC-P256"
END

show dpsops up
show dpsops device issue press-01 press-03 press-04 line:7.a_b-1
show dpsops device issue press-02 --individual
show dpsops device register press-01
show dpsops device register press-02 --transport https
show dpsops device register press-03 --transport https
show dpsops device register line:7.a_b-1 --transport https
show dpsops device block press-03
keep stable

show dpsops rotate --replace root-g1 --until draining
show dpsops device register press-01 --transport https
keep draining

show dpsops rotate --replace root-g1 --until stable --grace 0 --yes
keep rotated
