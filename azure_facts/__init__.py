"""Finds out on a real subscription what the embedded Azure only guesses: `make azure-facts`, docs/first-real-run.md.

One module of `questions` asks each question and reads the answer into a type of its own. `run` asks all of them in a resource
group that it makes and removes, `tape` records what goes over the wire, and `scrub` takes out what must not be kept.
"""
