"""`python -m sipuac.cli`: the console script from a checkout that is not installed."""

from sipuac.cli import main

if __name__ == "__main__":
    main()
