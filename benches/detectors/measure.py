#!/usr/bin/env python3
"""How good each detector is at its defaults, against Kapacitor's sigma(): measure.py [NAB]

Runs `rhai-udf replay --labels` (target/release/rhai-udf, or $RHAI_UDF) on the series of generate.py,
on the printer of examples/ and, if its folder is given, on series of the Numenta Anomaly Benchmark
(<category>/<name>.csv.gz and windows.json). Prints Markdown. Only Python's standard library is needed.
"""
import glob, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get("RHAI_UDF", os.path.join(REPO, "target/release/rhai-udf"))
PRINTER = os.path.join(REPO, "examples/printer/printer.lp.gz")
START = 1451606400  # of the printer's data
# hotend at 1 h for 5 min, bed at 8 h for 15 min, air at 12 h for 30 min
TRUTH = {"hotend": [3600, 3900], "bed": [28800, 29700], "air": [43200, 45000]}

VALUE = ["--set", "field=value"]
SIGMA = ("sigma", VALUE, "sigma > 3.0")
# data, detectors: script, options, condition
RUNS = [
    ("spikes", [("anomaly", VALUE, "anomaly_alert"), ("ewma", VALUE, "ewma_alert"), SIGMA]),
    ("shifts", [("anomaly", VALUE, "anomaly_alert"), ("change_likelihood", VALUE, "change_alert"), ("level_shift", VALUE, "shift_alert"), SIGMA]),
    ("daily", [("anomaly", VALUE, "anomaly_alert"), ("seasonal", VALUE, "seasonal_alert"), ("knn", VALUE, "knn_alert"), ("discord", VALUE, "discord_alert"), SIGMA]),
    ("sticking", [("stuck", VALUE, "stuck_alert"), SIGMA]),
    ("ramps", [("anomaly", VALUE, "anomaly_alert"), ("rate_of_change", VALUE, "rate_alert"), SIGMA]),
    ("pair", [
        ("correlation_break", ["--set", "fields=load,power"], "correlation_alert"),
        ("sigma", ["--set", "field=power"], "sigma > 3.0"),
    ]),
    ("modes", [
        ("isolation_forest", [x for f in ("user", "system", "load") for x in ("--set", f"field={f}")],
         "isolation_alert"),
        ("sigma", ["--set", "field=load"], "sigma > 3.0"),
    ]),
    ("full", [("forecast", VALUE + ["--set", "limit=95.0"], "forecast_hours < 4.0"), SIGMA]),
    ("hosts", [("dead_man", ["--tag-columns", "host", "--group-by", "host"], "dead_alert"), SIGMA]),
]
NAB = [
    ("anomaly", VALUE, "anomaly_alert"),
    ("knn", VALUE, "knn_alert"),
    ("change_likelihood", VALUE, "change_alert"),
    ("level_shift", VALUE, "shift_alert"),
    ("discord", VALUE, "discord_alert"),
    ("ewma", VALUE, "ewma_alert"),
    ("seasonal", VALUE, "seasonal_alert"),
    ("rate_of_change", VALUE, "rate_alert"),
    SIGMA,
]


def replay(script, data, *more):
    command = [PROGRAM, "replay", f"{REPO}/scripts/{script}.rhai", "--data", *data, "--format", "json", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.splitlines()


def quality(script, data, labels, options, crit):
    return json.loads(replay(script, data, *options, "--crit", crit, "--labels", labels)[-1])


def show(data, script, crit, q, score=False):
    delay = q["delay_seconds"]
    cells = [
        data, f"`{script}`", f"`{crit}`", f"{q['hits']} of {q['anomalies']}", q["false_alarms"],
        f"{q['false_alarms_a_day']:.2f}", "-" if delay is None else f"{delay / 60:.0f} min",
        "-" if q["f1"] is None else f"{q['f1']:.2f}",
    ]
    if score:
        cells.append(f"{q['score']:.1f}")
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def header(score=False):
    print("| data | detector | alert | hits | false alarms | a day | delay | F1 |" + " score |" * score)
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |" + " ---: |" * score)


def synthetic(folder):
    header()
    for data, detectors in RUNS:
        for script, options, crit in detectors:
            if data == "hosts" and script == "sigma":
                options = options + ["--tag-columns", "host", "--group-by", "host"]
            files = [os.path.join(folder, data + ".csv")]
            show(data, script, crit, quality(script, files, f"{folder}/labels.json", options, crit))


def printer(folder):
    for field, (begin, end) in TRUTH.items():
        labels = os.path.join(folder, field + ".json")
        with open(labels, "w") as f:
            json.dump([[START + begin, START + end]], f)
        given = ["--precision", "s", "--set", f"field={field}"]
        windows = ["--period", "5m", "--every", "5m"]
        for script, options, crit in [
            ("ttest_guarded", windows, "ttest_alert"),
            ("ttest", windows + ["--set", "size=3600"], "pvalue < 0.001"),
            ("sigma", [], "sigma > 3.0"),
        ]:
            show(f"printer {field}", script, crit, quality(script, [PRINTER], labels, given + options, crit))


def shesd(folder):
    """By points: two weeks are one batch."""
    with open(os.path.join(folder, "labels.json")) as f:
        spans = json.load(f)["daily.csv"]
    with open(os.path.join(folder, "daily.csv")) as f:
        rows = f.readlines()
    path = os.path.join(folder, "fortnight.csv")
    with open(path, "w") as f:
        # One more point closes the window.
        last = int(rows[-1].split(",")[0]) + 60
        f.writelines(rows + [f"{last},50\n"])
    options = VALUE + ["--set", "period=1440", "--period", "14d", "--every", "14d"]
    found = []
    for line in replay("shesd", [path], *options):
        point = json.loads(line)
        if point["fields"]["shesd_score"] > 0:
            found.append(point["time"])
    import datetime
    times = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() for t in found]
    inside = [t for t in times if any(a <= t <= b for a, b in spans)]
    hit = sum(any(a <= t <= b for t in times) for a, b in spans)
    print(f"\n`shesd` on the 20,160 points of daily as one batch: {len(found)} outliers, {len(inside)} of "
          f"them in anomalies; {hit} of {len(spans)} anomalies have one.")


def nab(folder):
    files = sorted(glob.glob(f"{folder}/*/*.csv*"))
    print(f"\nOn {len(files)} series of the Numenta Anomaly Benchmark:\n")
    header(score=True)
    for script, options, crit in NAB:
        show("NAB", script, crit, quality(script, files, f"{folder}/windows.json", options, crit), score=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), folder], check=True)
        synthetic(folder)
        printer(folder)
        shesd(folder)
    if len(sys.argv) > 1:
        nab(sys.argv[1])


main()
