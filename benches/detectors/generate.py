#!/usr/bin/env python3
"""Series with known anomalies, for measuring detectors: generate.py FOLDER

Writes CSV files (two weeks, a value a minute, seeded: always the same) and labels.json with the
anomalies of each. Only Python's standard library is needed.

spikes    noise around 50; 12 bursts of three minutes, 8 standard deviations up or down
shifts    noise around 50; 6 lasting steps of 3 standard deviations, and 2 drifts of 6 over a day
daily     a daily rhythm 10 standard deviations high; 8 hours in which it does not come, or comes at night
sticking  a noisy sensor; 8 times it repeats its value for an hour
ramps     a slowly wandering value; 10 times it runs away by a standard deviation a minute for 10 minutes
pair      load and power go together; 8 times power runs on its own for two hours, within its usual range
modes     a machine is idle or busy, with three fields of each; 8 times for ten minutes a mixture of both
full      a disk that fills and is emptied; what is to be told is that it will be full within 4 h
hosts     three hosts; 6 times one is silent for half an hour
"""
import csv, json, math, os, random, sys

MINUTE, DAYS, START = 60, 14, 1767571200  # Monday 2026-01-05
N = DAYS * 1440


def times(rng, count, length, gap):
    """Begins of `count` anomalies from the third day on, well apart."""
    room = (N - 3 * 1440) // count
    return [3 * 1440 + i * room + rng.randrange(0, room - length - gap) for i in range(count)]


def at(minute):
    return START + minute * MINUTE


def span(begin, length):
    return [at(begin), at(begin + length - 1)]


def noise(rng):
    return [rng.gauss(0, 1) for _ in range(N)]


def spikes(rng):
    x, labels = [50 + e for e in noise(rng)], []
    for begin in times(rng, 12, 3, 60):
        sign = rng.choice([-8, 8])
        for i in range(begin, begin + 3):
            x[i] += sign
        labels.append(span(begin, 3))
    return {"value": x}, labels


def shifts(rng):
    x, labels, level = [50 + e for e in noise(rng)], [], 0
    for k, begin in enumerate(times(rng, 8, 1440, 60)):
        step, slow = rng.choice([-3, 3]), 1440 if k % 4 == 3 else 1
        total = step * (2 if slow > 1 else 1)
        for i in range(begin, N):
            x[i] += total * min(1.0, (i - begin + 1) / slow)
        labels.append(span(begin, 1440 if slow > 1 else 120))
    return {"value": x}, labels


def daily(rng):
    def rhythm(i):
        return 5 - 5 * math.cos(2 * math.pi * (i % 1440) / 1440)

    x, labels = [50 + rhythm(i) + e for i, e in enumerate(noise(rng))], []
    for day in range(5, 13):
        hour = 12 if day % 2 else 0
        begin = day * 1440 + hour * 60 + rng.randrange(0, 60)
        for i in range(begin, begin + 60):
            x[i] += rhythm(i + 720) - rhythm(i)
        labels.append(span(begin, 60))
    return {"value": x}, labels


def sticking(rng):
    x, labels = [20 + 0.1 * e for e in noise(rng)], []
    for begin in times(rng, 8, 60, 60):
        for i in range(begin, begin + 60):
            x[i] = x[begin - 1]
        labels.append(span(begin, 60))
    return {"value": x}, labels


def ramps(rng):
    x, labels, level = [], [], 0.0
    for e in noise(rng):
        level = 0.999 * level + 0.1 * rng.gauss(0, 1)
        x.append(50 + level + 0.2 * e)
    for begin in times(rng, 10, 10, 60):
        sign = rng.choice([-1, 1])
        for i in range(begin, begin + 60):
            x[i] += sign * min(i - begin + 1, 10) * (1 if i < begin + 50 else (begin + 60 - i) / 10)
        labels.append(span(begin, 60))
    return {"value": x}, labels


def pair(rng):
    load, power, labels, level, other = [], [], [], 0.0, 0.0
    apart = set()
    for begin in times(rng, 8, 120, 120):
        apart.update(range(begin, begin + 120))
        labels.append(span(begin, 120))
    for i in range(N):
        level = 0.9 * level + rng.gauss(0, 1)
        other = 0.9 * other + rng.gauss(0, 1)
        load.append(50 + level)
        power.append(200 + 4 * (other if i in apart else level) + rng.gauss(0, 1))
    return {"load": load, "power": power}, labels


def modes(rng):
    usual = {False: (10, 3, 0.5), True: (70, 15, 6)}
    columns, labels, mixed, busy = {"user": [], "system": [], "load": []}, [], {}, False
    for begin in times(rng, 8, 10, 60):
        mixture = [False, rng.choice([False, True]), True]
        rng.shuffle(mixture)
        mixed.update({i: mixture for i in range(begin, begin + 10)})
        labels.append(span(begin, 10))
    for i in range(N):
        busy = busy != (rng.random() < 1 / 120)
        for k, name in enumerate(columns):
            mode = mixed[i][k] if i in mixed else busy
            columns[name].append(usual[mode][k] * (1 + 0.1 * rng.gauss(0, 1)))
    return columns, labels


def full(rng):
    """Fills 40 to 95 % at 2 to 12 % an hour every other half day, then is cleaned to 40 %."""
    x, labels, level, slope, begin = [], [], 40.0, 0.0, None
    for i in range(N):
        if i % 1440 == 720 and i > 1440:
            slope, begin = rng.uniform(4, 10) / 60, i
        level += slope
        if begin is not None and level >= 95:
            until = i
            labels.append([at(max(begin, until - 240)), at(until)])
            level, slope, begin = 40.0, 0.0, None
        x.append(level + 0.1 * rng.gauss(0, 1))
    return {"value": x}, labels


def hosts(folder, rng):
    labels, silent = [], {}
    for begin in times(rng, 6, 30, 60):
        silent.update({(i, rng_host): 1 for rng_host in [rng.choice("abc")] for i in range(begin, begin + 30)})
        labels.append(span(begin, 31))
    with open(os.path.join(folder, "hosts.csv"), "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["time", "host", "value"])
        for i in range(N):
            for host in "abc":
                if (i, host) not in silent:
                    out.writerow([at(i), host, f"{rng.gauss(50, 1):.3f}"])
    return labels


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    labels = {}
    for make in (spikes, shifts, daily, sticking, ramps, pair, modes, full):
        name = make.__name__ + ".csv"
        columns, labels[name] = make(random.Random(make.__name__))
        with open(os.path.join(folder, name), "w", newline="") as f:
            out = csv.writer(f)
            out.writerow(["time", *columns])
            for i, row in enumerate(zip(*columns.values())):
                out.writerow([at(i), *(f"{x:.3f}" for x in row)])
    labels["hosts.csv"] = hosts(folder, random.Random("hosts"))
    with open(os.path.join(folder, "labels.json"), "w") as f:
        json.dump(labels, f, indent=1)


main()
