"""What a person asks for, a page each: it observes, decides in `model`, and acts by `steps`; none imports another.

There is no state file. A decision is a pure function of what was observed, and acting is one step at a
time, so a rerun takes up wherever the last one stopped.
"""
