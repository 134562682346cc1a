"""Many devices at once: what is known of each, in which hubs each may have an identity, and for which a command failed."""
