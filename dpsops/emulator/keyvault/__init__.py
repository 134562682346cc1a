"""Key Vault: vaults as resources in Resource Manager, and the data plane of their keys, secrets and certificates."""
