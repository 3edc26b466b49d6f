#!/usr/bin/env python3
"""Faults of a pump with valves, in eight fields at once: valves.py

Makes 20 seeded runs of a water circuit, a value a second for 20 minutes: load and temperature wander, the fields
follow them with noise, and after 8 to 13 minutes a valve is closed in part or wholly, water leaks, the rotor is out
of balance or a sensor drifts, for 5 minutes. Prints by points: F1, the share of false alarms among healthy points and
of missed ones among faulty points, after the first 400 points. Needs `target/release/rhai-udf` or $RHAI_UDF.
"""
import csv, json, os, random, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get("RHAI_UDF", os.path.join(REPO, "target/release/rhai-udf"))
FIELDS = ["vibration1", "vibration2", "current", "pressure", "temperature", "housing", "voltage", "flow"]
# What a fault does to each field, in deviations of it.
FAULTS = {
    "valve": [0.5, 0.3, -1.0, 2.0, 0.5, 0.0, 0.0, -3.0],
    "valve in part": [0.0, 0.3, -0.5, 1.0, 0.0, 0.0, 0.0, -1.5],
    "leak": [0.0, 0.0, 1.0, -2.0, 0.0, 0.0, 0.0, 1.0],
    "rotor": [3.0, 2.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0],
    "sensor": [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0],
}
ROWS, LEARN = 1200, 400


def run(seed):
    rng = random.Random(seed)
    load = heat = 0.0
    fault = list(FAULTS)[seed % len(FAULTS)]
    begin = rng.randrange(480, 780)
    rows = []
    for i in range(ROWS):
        load = 0.95 * load + rng.gauss(0, 0.31)
        heat = 0.995 * heat + rng.gauss(0, 0.1)
        shape = [0.5 * load, 0.4 * load, load, 0.8 * load, heat, 0.9 * heat, -0.3 * load, 0.7 * load]
        row = [x + rng.gauss(0, 0.6) for x in shape]
        faulty = begin <= i < begin + 300
        if faulty:
            part = min(1.0, (i - begin) / 20)
            row = [x + part * d for x, d in zip(row, FAULTS[fault])]
        rows.append((row, faulty))
    return rows


def judge(script, more, crit):
    found = {"hit": 0, "missed": 0, "false": 0, "quiet": 0}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(20):
            path = os.path.join(folder, "run.csv")
            rows = run(seed)
            with open(path, "w", newline="") as f:
                out = csv.writer(f)
                out.writerow(["time", *FIELDS])
                out.writerows([1767571200 + i, *(f"{x:.4f}" for x in row)] for i, (row, _) in enumerate(rows))
            command = [PROGRAM, "replay", f"{REPO}/scripts/{script}.rhai", "--data", path, "--format", "json", *more]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            alerts = [json.loads(line)["fields"][crit] for line in done.stdout.splitlines()]
            for (_, faulty), alert in list(zip(rows, alerts))[LEARN:]:
                found[("hit" if alert else "missed") if faulty else ("false" if alert else "quiet")] += 1
    f1 = 2 * found["hit"] / max(1, 2 * found["hit"] + found["false"] + found["missed"])
    false = found["false"] / (found["false"] + found["quiet"])
    missed = found["missed"] / (found["hit"] + found["missed"])
    options = " ".join(x for x in more if "=" in x and not x.startswith("field="))
    print(f"| valves | `{script}`{options and ' ' + options} | `{crit}` | {f1:.2f} | {100 * false:.1f} % | {100 * missed:.1f} % |", flush=True)


def main():
    print("| data | detector | alert | F1 | false alarms | missed |\n| --- | --- | --- | ---: | ---: | ---: |")
    fields = [x for f in FIELDS for x in ("--set", f"field={f}")]
    judge("multivariate", fields, "multivariate_alert")
    judge("multivariate", [*fields, "--set", "renew=200"], "multivariate_alert")
    judge("multivariate", [*fields, "--set", "method=forest"], "multivariate_alert")
    judge("isolation_forest", fields, "isolation_alert")


main()
