"""Start, latency, groups, snapshot and flat memory of one moving average, pipe to pipe.

    python measure.py COMMAND…          # after compare.sh has set up its folder
    python measure.py --long COMMAND…   # and ten million points, two minutes or more

COMMAND is any UDF with the options field, size and as: `rhai-udf run scripts/moving_avg.rhai`, or the
official Python agent. The figures include what this script costs: fork and exec at the start, a write
and a read of Python's for each point of the latency.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time

import generate as wire
from agent import header

ROUNDS, LATENCIES, EACH = 40, 20_000, 12
INIT = wire.init(**{"field": "usage_idle", "size": 10, "as": "cpu_avg"})


class Udf:
    """A process, and what it answers, a frame at a time."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.buffer = b""
        self.told = b""

    def begin(self):
        """Keeps the answer to `info`: it will tell that all before it has been handled."""
        info = self.ask(wire.info())
        self.told = wire.varint(len(info)) + info
        self.ask(INIT)

    def send(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view[: 1 << 16]) :]

    def receive(self):
        while True:
            start, size = header(self.buffer, 0)
            if size is not None and len(self.buffer) >= start + size:
                frame = self.buffer[start : start + size]
                self.buffer = self.buffer[start + size :]
                return frame
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise EOFError("the UDF has gone")
            self.buffer += data

    def ask(self, data):
        self.send(data)
        return self.receive()

    def stream(self, chunks):
        """Seconds until the `info` after all of it is answered; answers are thrown away."""
        end = self.told

        def write():
            for chunk in chunks:
                self.send(chunk)
            self.send(wire.info())

        began = time.perf_counter()
        writer = threading.Thread(target=write)
        writer.start()
        last = b""
        while not last.endswith(end):
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise EOFError("the UDF has gone")
            last = (last + data)[-len(end) :]
        writer.join()
        return time.perf_counter() - began

    def memory(self, key="VmRSS"):
        """In kilobytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(key))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def start_to_info(command):
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        udf = Udf(command)
        udf.ask(wire.info())
        times.append((time.perf_counter() - began) * 1e3)
        udf.close()
    print(f"start to info: median {statistics.median(times):.2f} ms, best {min(times):.2f} ms")


def latency(command):
    udf = Udf(command)
    udf.begin()
    times = []
    for point in wire.cpu_points(LATENCIES + 1000):
        began = time.perf_counter_ns()
        udf.ask(point)
        times.append((time.perf_counter_ns() - began) / 1e3)
    udf.close()
    times = sorted(times[1000:])
    shown = [f"p{q * 100:g} {times[int(len(times) * q)]:.0f}" for q in (0.5, 0.9, 0.99, 0.999)]
    print(f"one point in, one out, microseconds: best {times[0]:.0f}, {', '.join(shown)}")


def many(groups, each):
    """Points of many hosts, one of each in turn."""
    rng = random.Random(1)
    fields = wire.Doubles(wire.CPU_FIELDS, rng)
    heads = []
    for i in range(groups):
        host = f"server-{i:06}"
        heads.append(
            wire.block(2, "cpu") + wire.block(5, f"host={host}") + wire.block(6, "host")
            + wire.tags(7, {"host": host})
        )  # fmt: skip
    body = fields.encode([rng.random() for _ in wire.CPU_FIELDS])
    for turn in range(each):
        time_of_turn = wire.integer(1, wire.START + turn * wire.SECOND)
        yield b"".join(wire.frame(17, time_of_turn + head + body) for head in heads)


def groups(command, count, each):
    """The cost of a point, memory, snapshot and restore with so many groups."""
    chunks = list(many(count, each))
    udf = Udf(command)
    udf.begin()
    before = udf.memory()
    seconds = udf.stream(chunks)
    after = udf.memory()
    began = time.perf_counter()
    snapshot = udf.ask(wire.frame(4, b""))
    took = time.perf_counter() - began
    each_group = (after - before) * 1024 / count
    print(
        f"{count} groups: {seconds / count / each * 1e6:.2f} us a point; {before} to {after} KB, "
        f"{each_group:.0f} B a group; snapshot {len(snapshot) / 1e6:.2f} MB in {took:.3f} s; "
        f"peak {udf.memory('VmHWM')} KB"
    )
    udf.close()
    body = snapshot
    for _ in range(2):  # Response.snapshot, SnapshotResponse.snapshot
        start, size = header(body[1:], 0)
        body = body[1 + start : 1 + start + size]
    udf = Udf(command)
    udf.begin()
    request = wire.frame(5, wire.block(1, body))
    began = time.perf_counter()
    udf.ask(request)
    print(f"  restored in {time.perf_counter() - began:.3f} s; {udf.memory()} KB")
    udf.close()


def long(command):
    """Ten million points in eight groups: memory after each million."""
    chunk = b"".join(wire.cpu_points(100_000))
    udf = Udf(command)
    udf.begin()
    shown = []
    for _ in range(10):
        udf.stream([chunk] * 10)
        shown.append(f"{udf.memory() / 1024:.1f}")
    print(f"MB after each of ten million points: {' '.join(shown)}")
    udf.close()


def main():
    command = sys.argv[1:]
    is_long = command[:1] == ["--long"]
    command = command[is_long:]
    if not command:
        sys.exit(__doc__)
    start_to_info(command)
    latency(command)
    groups(command, 8, 25_000)
    groups(command, 100_000, EACH)
    if is_long:
        long(command)


if __name__ == "__main__":
    main()
