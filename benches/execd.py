"""Measures `execd`: how long a line takes when the input runs dry, and the end with a large state.

    cargo build --release
    python3 benches/execd.py [--groups 100000] [--workers 1] [--program target/release/rhai-udf]

Milliseconds from the write of a line until its answer can be read, of lines with pauses between them (50 ms are promised), and seconds
from the end of the input until the process has ended, with the state of so many groups written by rename (5 s are promised).
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=100_000)
    parser.add_argument("--workers", default="1")
    parser.add_argument("--program", default=str(ROOT / "target/release/rhai-udf"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "state.rudt")
        command = [args.program, "execd", str(ROOT / "scripts/moving_avg.rhai"), "--group-by", "host", "--set", "field=x"]
        command += ["--set", "size=100", "--state", state, "--workers", args.workers, "--log-level", "error"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        waits = []
        for i in range(LINES):
            time.sleep(0.01)
            start = time.monotonic()
            process.stdin.write(f"m,host=first x={i} {i}\n".encode())
            process.stdin.flush()
            process.stdout.readline()
            waits.append((time.monotonic() - start) * 1e3)
        waits.sort()
        print(f"a line when the input runs dry: median {waits[LINES // 2]:.2f} ms, largest {waits[-1]:.2f} ms")
        # Each group holds a whole window.
        child = os.fork()
        if child == 0:
            for i in range(100):
                text = "".join(f"m,host=h{g} x={g % 97} {1000 + i}\n" for g in range(args.groups))
                process.stdin.write(text.encode())
            process.stdin.flush()
            os._exit(0)
        for _ in range(args.groups * 100):
            process.stdout.readline()
        os.waitpid(child, 0)
        start = time.monotonic()
        process.stdin.close()
        code = process.wait()
        took = time.monotonic() - start
        size = os.path.getsize(state) / 1e6
        print(f"the end with {args.groups} groups, a state of {size:.1f} MB: {took:.2f} s, exit code {code}")


main()
