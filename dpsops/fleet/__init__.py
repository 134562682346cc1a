"""Many devices at once: what is known of each, where each may have an identity, and what became of each."""
