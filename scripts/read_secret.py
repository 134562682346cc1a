"""Reads a vault's secret with Microsoft's SDK, as any other client would: VAULT SECRET FILE.

Says which PEM blocks the secret holds, and writes its certificates (never a key) to FILE.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient


def main(vault: str, name: str, file: str) -> None:
    """Prints the kinds of the blocks, a line each."""
    # The credential finds AZURE_CLIENT_ID and its kin, the transport HTTPS_PROXY and REQUESTS_CA_BUNDLE.
    value = SecretClient(f"https://{vault}.vault.azure.net", DefaultAzureCredential()).get_secret(name).value or ""
    blocks = re.findall(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", value, re.DOTALL)
    for kind in blocks:
        print(f"  {name} holds a {kind}")
    if not any(kind.endswith("PRIVATE KEY") for kind in blocks):
        print(f"  {name} holds no private key")
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", value, re.DOTALL)
    with open(os.open(Path(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write("".join(certificates))


main(*sys.argv[1:4])
