"""Fits the same customers with tenure-stats and with lifetimes, on one thread each. See README.md."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pandas
from lifetimes import BetaGeoFitter, ParetoNBDFitter

ROOT = Path(__file__).resolve().parents[2]


def tenure(path):
    """Seconds of tenure's fits by model, while the bench writes the histories."""
    command = ["cargo", "bench", "-p", "tenure-benches", "--bench", "stats", "--", "--write", str(path)]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(text)
    return {name: float(seconds) for name, seconds in re.findall(r"^(\S+NBD), \d+: ([\d.]+) s", text, re.MULTILINE)}


def fitted(fitter, customers):
    """CPU seconds of a fit."""
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter.fit(customers["frequency"], customers["recency"], customers["T"])
    return time.process_time() - begun


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        ours = tenure(path)
        customers = pandas.read_csv(path)
    for name, fitter, size in (("BG/NBD", BetaGeoFitter(), 1_000_000), ("Pareto/NBD", ParetoNBDFitter(), 100_000)):
        seconds = fitted(fitter, customers[:size])
        found = " ".join(f"{parameter} {value:.5f}" for parameter, value in fitter.params_.items())
        print(f"{name}, {size} customers: lifetimes {seconds:.2f} s, tenure {ours[name]:.3f} s: "
              f"{seconds / ours[name]:.0f} times as fast; lifetimes found {found}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
