"""Azure Monitor's diagnostic settings, as far as a vault, a DPS or a hub has them. No log is collected."""
