"""`rotate`: from one root to the next; with `--compromised`, from a root whose key others may use."""
