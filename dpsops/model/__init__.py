"""The decisions of dpsops: pure functions of what was observed, and their types.

This package makes no requests, reads no files, and imports no SDK.
"""
