"""The version of this package, in one place: setup.cfg reads it, and so does the code."""

__version__ = "0.1.0"
