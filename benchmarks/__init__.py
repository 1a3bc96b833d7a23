"""How fast sipuac is, as ratios to what Python and Twisted can do at best.

`python -m benchmarks` prints them. Absolute figures change with the machine and the
hour; so each measurement alternates with that of a floor, which does the least that
could be called the same work, and the ratio of the two is what counts.
"""
