"""Mutation testing: does a test fail when a line of the rules is wrong?

Run it with `python -m tests.mutants`; what came of it is in docs/mutation.rst.
"""
