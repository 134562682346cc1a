"""The command line: arguments in, one workflow, result out.

The only place that prints, exits, reads environment variables or the clock. Slow imports stay inside the commands that need
them, so that `--help` is fast.

The output: the result on stdout, everything else on stderr. An error is two lines: `dpsops: error:`, with Azure's own message
if Azure answered, and `dpsops: hint:` with the next thing to do. Success prints only the result.
"""
