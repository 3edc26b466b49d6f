"""Writes the request streams that every peer reads, the same bytes on every machine.

    python generate.py DIR

The wire is written by hand, field by field: nothing but the standard library is needed, and the
entries of a map come in a random order for each point, as the daemon (Go) writes them. That a
library reads these bytes as meant is checked by the peers' answers (check.py).

moving_avg.bin   300,000 points, ten double fields, two tags, 8 groups: 105 MB
mirror.bin       the same points for a UDF without options
ttest.bin        345,600 points, three double fields, in 1,152 windows of 300

`--points N` makes shorter streams. `--lines` writes line protocol instead, for benches/replay.sh:

cpu.lp           300,000 points like those of mirror.bin with five decimals: 81 MB
full.lp          the same with all digits: 112 MB

`--groups N` writes one stream for moving_avg.rhai with ten fields a point in N groups in turn instead:

groups-N.bin     500,000 points: 111 MB
"""

import argparse
import pathlib
import random
import struct

MICROSECOND, SECOND = 1_000, 1_000_000_000
START = 1_451_606_400 * SECOND  # 2016-01-01T00:00:00Z

CPU_FIELDS = [
    "usage_guest", "usage_guest_nice", "usage_idle", "usage_iowait", "usage_irq",
    "usage_nice", "usage_softirq", "usage_steal", "usage_system", "usage_user",
]  # fmt: skip
GROUPS = 8
WINDOW = 300

STRING, INT, DOUBLE = 3, 1, 2


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def integer(field, number):
    return varint(field << 3) + varint(number)


def double(field, number):
    return varint(field << 3 | 1) + struct.pack("<d", number)


def block(field, payload):
    """A string or a message: its length, then its bytes."""
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def tags(field, pairs):
    return b"".join(block(field, block(1, key) + block(2, value)) for key, value in pairs.items())


def frame(field, message):
    """One framed Request."""
    request = block(field, message)
    return varint(len(request)) + request


def info():
    return frame(1, b"")


def init(**options):
    encode = {str: (STRING, block, 5), int: (INT, integer, 3), float: (DOUBLE, double, 4)}
    out = b""
    for name, value in options.items():
        kind, write, field = encode[type(value)]
        out += block(1, block(1, name) + block(2, integer(1, kind) + write(field, value)))
    return frame(2, out + block(2, "peer") + block(3, "udf2"))


class Doubles:
    """The entries of fieldsDouble, shuffled for each point."""

    def __init__(self, names, rng):
        # An entry is its key, then tag 2 (a double) and eight bytes.
        keys = [block(1, name) + varint(2 << 3 | 1) for name in names]
        self.entries = [varint(8 << 3 | 2) + varint(len(key) + 8) + key for key in keys]
        self.order = list(range(len(names)))
        self.rng = rng

    def encode(self, values):
        self.rng.shuffle(self.order)
        return b"".join(self.entries[i] + struct.pack("<d", values[i]) for i in self.order)


def cpu_values(count, rng):
    """What Telegraf's cpu input measures, one point of each CPU a second: CPU, time, values."""
    idle = [80.0] * GROUPS
    for i in range(count):
        cpu = i % GROUPS
        # A load that wanders: what is not idle is split over the other nine.
        idle[cpu] = min(100.0, max(0.0, idle[cpu] + rng.uniform(-3.0, 3.0)))
        values = [rng.random() * (100.0 - idle[cpu]) / 9.0 for _ in CPU_FIELDS]
        values[2] = idle[cpu]
        yield cpu, START + i // GROUPS * SECOND + rng.randrange(1000) * MICROSECOND, values


def cpu_points(count):
    """A stream of them."""
    rng = random.Random(3)
    fields = Doubles(CPU_FIELDS, rng)
    heads = []
    for cpu in range(GROUPS):
        name = f"cpu{cpu}"
        heads.append(
            block(2, "cpu") + block(3, "telegraf") + block(4, "autogen") + block(5, f"cpu={name}")
            + block(6, "cpu") + tags(7, {"cpu": name, "host": "web-1.eu-central-1a.example"})
        )  # fmt: skip
    for cpu, time, values in cpu_values(count, rng):
        yield frame(17, integer(1, time) + heads[cpu] + fields.encode(values))


def cpu_lines(count, digits):
    """The same as line protocol; repr gives the shortest digits that say the same double."""
    for cpu, time, values in cpu_values(count, random.Random(3)):
        fields = ",".join(
            f"{name}={round(value, digits)!r}" for name, value in zip(CPU_FIELDS, values)
        )
        yield f"cpu,cpu=cpu{cpu},host=web-1.eu-central-1a.example {fields} {time}\n".encode()


def grouped_points(groups, count):
    """A stream of points that belong to many groups, each in turn."""
    rng = random.Random(5)
    fields = Doubles(CPU_FIELDS, rng)
    bodies = [fields.encode([rng.random() * 100.0 for _ in CPU_FIELDS]) for _ in range(997)]
    hosts = [f"server-{group:06d}" for group in range(groups)]
    heads = [
        block(2, "cpu") + block(5, f"host={host}") + block(6, "host") + tags(7, {"host": host})
        for host in hosts
    ]
    for i in range(count):
        time = integer(1, START + i // groups * SECOND)
        yield frame(17, time + heads[i % groups] + bodies[i % len(bodies)])


def printer_windows(count):
    """Windows of a printer's three temperatures; about one in twenty is off its target."""
    rng = random.Random(2)
    fields = Doubles(["hotend", "bed", "air"], rng)
    targets = [(220.0, 0.5), (90.0, 1.0), (70.0, 3.0)]
    for start in range(0, count, WINDOW):
        size = min(WINDOW, count - start)
        shift = [rng.choice((-1.5, 1.5)) if rng.random() < 0.05 else 0.0 for _ in targets]
        yield frame(16, block(1, "temperatures") + integer(4, size))
        for i in range(start, start + size):
            values = [
                round(target + off * sigma + sigma * normal(rng), 6)
                for (target, sigma), off in zip(targets, shift)
            ]
            yield frame(17, integer(1, START + i * SECOND) + fields.encode(values))
        yield frame(18, block(1, "temperatures") + integer(3, START + (start + size) * SECOND))


def normal(rng):
    """Nearly normal, by plain sums, so that no machine's mathematics library shows in the bytes."""
    return sum(rng.random() for _ in range(12)) - 6.0


def write(path, opening, messages):
    with open(path, "wb") as out:
        out.write(opening)
        out.writelines(messages)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description="Writes the streams that every peer reads.")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--points", type=int, help="points in each stream")
    parser.add_argument("--lines", action="store_true", help="line protocol instead")
    parser.add_argument("--groups", type=int, help="one stream in so many groups instead")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    if args.lines:
        write(args.dir / "cpu.lp", b"", cpu_lines(args.points or 300_000, 5))
        write(args.dir / "full.lp", b"", cpu_lines(args.points or 300_000, 17))
        return
    if args.groups:
        opening = info() + init(**{"field": "usage_idle", "size": 10, "as": "cpu_avg"})
        points = grouped_points(args.groups, args.points or 500_000)
        write(args.dir / f"groups-{args.groups}.bin", opening, points)
        return
    stream, windowed = args.points or 300_000, args.points or 345_600
    average = info() + init(**{"field": "usage_idle", "size": 10, "as": "cpu_avg"})
    write(args.dir / "moving_avg.bin", average, cpu_points(stream))
    write(args.dir / "mirror.bin", info() + init(), cpu_points(stream))
    test = info() + init(field="hotend", size=3600, alpha=0.001)
    write(args.dir / "ttest.bin", test, printer_windows(windowed))


if __name__ == "__main__":
    main()
