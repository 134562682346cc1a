"""What dpsops decides: pure functions of what was observed, and the types that they are written in.

No request is made here, no file is read, and no SDK is known.
"""
