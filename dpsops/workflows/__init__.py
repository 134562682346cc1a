"""What dpsops does: each workflow observes what is there, decides what is missing, and acts.

There is no state file. A decision is a pure function of what was observed, and acting is one step at a
time, so a rerun takes up wherever the last one stopped.
"""
