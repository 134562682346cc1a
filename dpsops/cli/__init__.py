"""The command line: arguments in, one workflow, result out.

The only place that prints, exits, reads the environment's variables or the clock. Heavy imports stay
inside the commands that need them, so that `--help` answers at once.

How it speaks: the result on stdout, everything else on stderr. An error is two lines, `dpsops: error:` in
Azure's words where Azure spoke and `dpsops: hint:` with the next thing to do. Success is quiet.
"""
