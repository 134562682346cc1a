"""Acts that several workflows share, a module each; none of them imports another."""
