"""An hour of calls through a lossy network, and floods at a process with calls.

`python -m tests.soak` and `python -m tests.soak.floods`; see docs/soak.rst.
"""
