"""Azure Policy, as far as it denies: built-in definitions, their assignments, and what these refuse."""
