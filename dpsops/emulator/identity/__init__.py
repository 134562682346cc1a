"""Entra ID: discovery, tokens, and the applications that sign in."""
