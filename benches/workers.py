"""Measures `--workers`: wall seconds, CPU seconds of the process and of its busiest thread.

    python3 benches/peer/generate.py --points 1000000 target/workers
    python3 benches/workers.py [--rounds 5] [--workers 1,2] [COMMAND …] <INPUT

Without a command: `run` with moving_avg.rhai over target/workers/moving_avg.bin. The numbers of workers
take turns in every round; medians. On a machine with other work the busiest thread's CPU time says what
the wall would be on a quiet one, and `ratio` compares it with one worker's.

    python3 benches/workers.py --input target/workers/cpu.lp -- replay scripts/moving_avg.rhai \\
        --data target/workers/cpu.lp --group-by '*' --set field=usage_idle --set size=10
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def threads(pid):
    """CPU nanoseconds of each thread that runs now."""
    found = {}
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                found[task] = int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        pass
    return found


def once(command, stdin):
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seen = {}
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        seen.update(threads(process.pid))
        time.sleep(0.002)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(process.stderr.read().decode())
    cpu = usage.ru_utime + usage.ru_stime
    return wall, cpu, max(seen.values(), default=0) / 1e9, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--program", default=str(ROOT / "target/release/rhai-udf"))
    parser.add_argument("--input", help="standard input")
    parser.add_argument("command", nargs="*")
    args = parser.parse_args()
    stdin = args.input
    command = args.command
    if not command:
        command = ["run", "scripts/moving_avg.rhai"]
        stdin = stdin or str(ROOT / "target/workers/moving_avg.bin")
    counts = args.workers.split(",")
    figures = {count: [] for count in counts}
    os.chdir(ROOT)
    for _ in range(args.rounds):
        for count in counts:
            figures[count].append(once([args.program, *command, "--workers", count], stdin))
    print(f"{'workers':>7} {'wall s':>8} {'cpu s':>8} {'busiest':>8} {'peak MB':>8} {'ratio':>6}")
    first = None
    for count in counts:
        wall, cpu, busiest, memory = (statistics.median(column) for column in zip(*figures[count]))
        first = first or busiest
        print(f"{count:>7} {wall:8.3f} {cpu:8.3f} {busiest:8.3f} {memory:8.1f} {first / busiest:6.2f}")


main()
