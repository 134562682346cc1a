"""Texts of `infra/NAME.toml` for the tests of the settings."""

from __future__ import annotations

from pathlib import Path

from dpsops.settings import Environment, load

COMPLETE = """\
location = "westeurope"
resource_group = "rg-(a).b_c-1"
subscription = "5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"
tags = { environment = "dev", "cost centre" = "42" }

[vault]
name = "kv-dpsops-dev"
sku = "premium"
purge_protection = false
soft_delete_days = 7

[dps]
name = "dps-dpsops-dev"
allocation = "geoLatency"

[[hub]]
name = "iot-1"

[[hub]]
name = "iot-2"
location = "northeurope"
sku = "S2"
capacity = 3
weight = 5

[root]
key = "EC-P384-HSM"
years = 5
organization = "Söhne & Co. (Nord)"
warn_days = 30
prove_to_hubs = true
path_length = 1

[leaf]
days = 90

[embedded]
operation_seconds = 1
certificate_seconds = 2.5
role_seconds = 3
deletion_seconds = 4
"""

SMALL = """\
location = "westeurope"
resource_group = "rg"
[vault]
name = "kv-dev"
[dps]
name = "dps-dev"
[[hub]]
name = "iot-dev"
"""


def environment(directory: Path, text: str, name: str = "dev") -> Environment:
    """Reads the environment that a text describes."""
    (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    return load(name, directory)
