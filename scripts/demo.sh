#!/usr/bin/env bash
# From nothing to a device that proves who it is and moves to a new root, on the embedded Azure, in a directory that is
# thrown away.
set -euo pipefail
source_tree="$(cd "$(dirname "$0")/.." && pwd)"
place="$(mktemp -d)"
trap 'dpsops local stop >/dev/null 2>&1 || true; rm -rf "$place"' EXIT
cd "$place"

say() { printf '\n\033[1m# %s\033[0m\n' "$1"; }
show() { printf '$ %s\n' "$*"; "$@"; }

say "An empty subscription becomes a vault, a hub, a DPS and a root that is proven"
show dpsops up

say "Again: nothing is missing, so nothing changes"
show dpsops up

say "The root: made in the vault, its key not exportable"
show dpsops root show
show dpsops root export --out root.pem
if command -v openssl >/dev/null; then
  show openssl x509 -in root.pem -noout -subject -ext basicConstraints,keyUsage,subjectKeyIdentifier
fi

say "Two devices get their keys, leaves and chains, each in a secret of the vault"
show dpsops device issue press-07 press-08

say "The same Azure, served to other clients: Microsoft's own SDK reads the device's secret"
show dpsops local serve --detach --port 0
eval "$(dpsops local env)"
show python "$source_tree/scripts/read_secret.py" kv-dpsops-local device-press-07 press-07.pem
if command -v openssl >/dev/null; then
  show openssl verify -x509_strict -CAfile root.pem press-07.pem
fi

say "... and asks for the root's private key, which the vault does not give"
show python "$source_tree/scripts/read_secret.py" kv-dpsops-local root-g1 root-from-vault.pem

say "A device registers over MQTT with Microsoft's device SDK, connects to its hub and sends a message"
show dpsops device register press-07

say "A rotation, begun: a new root, trusted beside the old one, and every device gets a leaf of it"
show dpsops rotate --replace root-g1 --until draining

say "The device fetches its new leaf and registers with it; press-08 never registered: --grace 0 does not wait for it, --yes leaves it behind"
show dpsops device register press-07
show dpsops rotate --replace root-g1 --until stable --grace 0 --yes
say "The other device is blocked, and refused"
show dpsops device block press-08
printf '$ dpsops device register press-08\n'
if dpsops device register press-08; then
  printf 'press-08 registered although it is blocked\n'
  exit 1
fi

show dpsops device list
show dpsops status

printf '\nDone. The same commands work on Azure: write infra/NAME.toml and add --env NAME.\n'
