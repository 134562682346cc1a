"""Actions that several workflows share, one module for each. No step imports another."""
