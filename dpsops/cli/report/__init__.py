"""`dpsops status --report`: the state of an environment as one page that needs no network and no script."""
