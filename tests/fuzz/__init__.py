"""Bad input, much of it: whatever comes, nothing but `ParseError` and nothing for long.

`python -m tests.fuzz` runs these checks for as long as one likes; `test_fuzz` runs a
seeded sample of them.
"""
