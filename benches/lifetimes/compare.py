"""Fits the same customers with tenure-stats and with lifetimes, on one thread each. See README.md."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import multiprocessing
import re
import resource
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
    seconds = {name: float(seconds) for name, seconds in re.findall(r"^(\S+NBD), \d+: ([\d.]+) s", text, re.MULTILINE)}
    return seconds, int(re.search(r"peak memory so far: (\d+) MiB", text)[1])


def fitted(name, path, size):
    """CPU seconds of a fit, the parameters, and the most memory that its process had, in MiB."""
    fitter = {"BG/NBD": BetaGeoFitter, "Pareto/NBD": ParetoNBDFitter}[name]()
    customers = pandas.read_csv(path, nrows=size)
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter.fit(customers["frequency"], customers["recency"], customers["T"])
    seconds = time.process_time() - begun
    return seconds, dict(fitter.params_), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        ours, memory = tenure(path)
        for name, size in (("BG/NBD", 1_000_000), ("Pareto/NBD", 100_000)):
            # A process for each, so that memory is that of one fit.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, parameters, peak = pool.apply(fitted, (name, path, size))
            found = " ".join(f"{parameter} {value:.5f}" for parameter, value in parameters.items())
            print(f"{name}, {size} customers: lifetimes {seconds:.2f} s, tenure {ours[name]:.3f} s: "
                  f"{seconds / ours[name]:.0f} times as fast; lifetimes found {found}")
            if name == "BG/NBD":
                print(f"{name}, {size} customers: lifetimes {peak} MiB at its peak, tenure {memory} MiB: "
                      f"{memory / peak:.2f} of it, histories and interpreter included")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
