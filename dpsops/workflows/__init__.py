"""The workflows behind the commands, one module for each: observe, decide with `model`, act with `steps`. No workflow imports
another.

There is no state file. A decision is a pure function of what was observed, and a workflow acts one step at a time, so a
second run continues where the last one stopped.
"""
