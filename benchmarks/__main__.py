"""Prints all ratios: `python -m benchmarks [--quick]`."""

from __future__ import annotations

import argparse

from benchmarks import calls, text
from benchmarks.timing import pin


def main() -> None:
    """Measure and print, a line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--no-calls", action="store_true", help="text only, no SIPp")
    options = parser.parse_args()
    rounds, seconds, count = (3, 0.1, 1000) if options.quick else (7, 0.4, 4000)
    pin(0, 0)
    print("Ratios to the floor measured in the same rounds; 1 is as fast as the floor.")
    for name, figures in text.results(rounds, seconds):
        print(f"{name:24} {figures}", flush=True)
    if options.no_calls:
        return
    if not calls.is_available():
        print("calls: not measured, SIPp is not installed")
        return
    for name, figures, cpu in calls.results(rounds, count):
        print(f"{name:24} {figures}   {cpu:.2f} CPU s per 1000", flush=True)


if __name__ == "__main__":
    main()
