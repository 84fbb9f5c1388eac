"""Asks one funnel of tenure and of ClickHouse, on one thread each. See README.md."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chdb.session import Session

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("session_started", "order_placed", "ticket_opened", "order_refunded")
RUNS = 3


def tenure(path, count):
    """Nanoseconds a fact, the number of facts and the answer, while the bench writes the facts."""
    command = ["cargo", "bench", "-p", "tenure-benches", "--bench", "query", "--", str(count), "--write", str(path)]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(text)
    facts = int(re.search(r"^(\d+) facts", text, re.MULTILINE)[1])
    nanoseconds = float(re.search(r"^funnel: .*, fold ([\d.]+) ns", text, re.MULTILINE)[1])
    rows = re.findall(r"^reached (\w+): ([\d ]+)$", text, re.MULTILINE)
    return nanoseconds, facts, {channel: [int(count) for count in counts.split()] for channel, counts in rows}


def clickhouse(path, folder):
    """CPU seconds of the best run, and the answer."""
    session = Session(str(folder))
    session.query("SET max_threads = 1")
    session.query("CREATE TABLE facts (customer UInt32, at UInt64, kind LowCardinality(String), channel LowCardinality(String)) "
                  "ENGINE = MergeTree ORDER BY (customer, at)")
    columns = "customer UInt32, at UInt64, kind String, channel String"
    session.query(f"INSERT INTO facts SELECT * FROM file('{path}', 'RowBinary', '{columns}')")
    session.query("OPTIMIZE TABLE facts FINAL")
    steps = ", ".join(f"kind = '{step}'" for step in STEPS)
    levels = ", ".join(f"countIf(level >= {level})" for level in range(1, len(STEPS) + 1))
    question = (f"SELECT channel, {levels} FROM (SELECT customer, any(channel) AS channel, "
                f"windowFunnel({7 * 86_400_000_000})(at, {steps}) AS level FROM facts GROUP BY customer) "
                "GROUP BY channel ORDER BY channel SETTINGS max_threads = 1, optimize_aggregation_in_order = 1")
    best = None
    for _ in range(RUNS):
        begun = time.process_time()
        text = str(session.query(question, "TabSeparated"))
        seconds = time.process_time() - begun
        best = seconds if best is None else min(best, seconds)
    rows = (line.split("\t") for line in text.splitlines())
    return best, {channel: [int(count) for count in counts] for channel, *counts in rows}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts.bin"
        ours, facts, answer = tenure(path, count)
        seconds, theirs = clickhouse(path, Path(folder) / "store")
    nanoseconds = seconds * 1e9 / facts
    for channel in sorted(answer.keys() | theirs.keys()):
        print(f"{channel}: tenure {answer.get(channel)}, ClickHouse {theirs.get(channel)}")
    if answer != theirs:
        sys.exit("the answers differ")
    print(f"ClickHouse {nanoseconds:.1f} ns a fact, tenure {ours:.1f} ns: {ours / nanoseconds:.2f} of it (gate 0.33)")


if __name__ == "__main__":
    main()
