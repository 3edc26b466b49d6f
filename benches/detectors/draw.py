#!/usr/bin/env python3
"""Draws docs/img/*.svg, each detector on real data: draw.py NAB CPU.lp.gz

NAB is a folder with series of the Numenta Anomaly Benchmark (<category>/<name>.csv.gz, windows.json),
CPU a recording of a machine's CPU with Telegraf's field names. Values are grey, scores blue with the
alert's threshold dashed, labelled anomalies yellow, alerts red. Only Python's standard library.
"""
import gzip, json, math, os, subprocess, sys, tempfile
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get("RHAI_UDF", os.path.join(REPO, "target/release/rhai-udf"))
WIDTH, LEFT, TOP, HEIGHT, GAP, LOW = 720, 54, 24, 110, 12, 56


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "T")).timestamp()


def replay(script, data, options, crit):
    command = [PROGRAM, "replay", f"{REPO}/scripts/{script}.rhai", "--data", data, "--format", "json", *options]
    done = subprocess.run([*command, "--crit", crit], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script}: {done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    points = [p for p in lines if "level" not in p]
    alerts = [seconds(p["time"]) for p in lines if p.get("level") == "CRITICAL" and p["previousLevel"] == "OK"]
    return points, alerts


def series(points, field):
    found = [(seconds(p["time"]), p["fields"].get(field)) for p in points]
    return [(t, float(y)) for t, y in found if y is not None]


def scale(values, top, height):
    low, high = min(values), max(values)
    high = high if high > low else low + 1
    return low, high, lambda y: top + height * (high - y) / (high - low)


def path(points, x, y):
    """At most the least and the greatest value for each pixel."""
    columns = {}
    for t, value in points:
        low, high = columns.get(int(x(t)), (value, value))
        columns[int(x(t))] = (min(low, value), max(high, value))
    steps = []
    for px, (low, high) in sorted(columns.items()):
        steps.append(f"{px} {y(low):.0f}" + (f"V{y(high):.0f}" if y(high).__round__() != y(low).__round__() else ""))
    return "M" + "L".join(steps)


def number(value):
    return f"{value:.4g}"


def draw(name, title, fields, score, threshold, points, alerts, labels):
    values = [series(points, field) for field in fields]
    # What is far above the threshold is cut, to show what is near it.
    most = math.inf if threshold is None else 4 * threshold
    scores = [(t, min(v, most)) for t, v in series(points, score)]
    times = [t for line in values + [scores] for t, _ in line]
    first, last = min(times), max(times)

    def x(t):
        return LEFT + (WIDTH - LEFT - 8) * (t - first) / (last - first)

    low, high, y = scale([v for line in values for _, v in line], TOP, HEIGHT)
    shown = [v for _, v in scores] + ([threshold] if threshold is not None else [])
    bottom = TOP + HEIGHT + GAP
    least, most, z = scale(shown + [0.0], bottom, LOW)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + LOW + 20}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{bottom + LOW + 20}" fill="#fff"/>',
        f'<text x="{LEFT}" y="15" font-size="12">{title}</text>',
    ]
    for begin, end in labels:
        width = max(x(end) - x(begin), 2)
        out.append(f'<rect x="{x(begin):.0f}" y="{TOP}" width="{width:.0f}" height="{HEIGHT + GAP + LOW}" fill="#fff0b3"/>')
    for t in alerts:
        out.append(f'<path d="M{x(t):.0f} {TOP}V{bottom + LOW}" stroke="#d33" stroke-opacity=".6"/>')
    for line, color in zip(values, ["#555", "#2a7", "#a5c"]):
        out.append(f'<path d="{path(line, x, y)}" fill="none" stroke="{color}"/>')
    out.append(f'<path d="{path(scores, x, z)}" fill="none" stroke="#36c"/>')
    if threshold is not None:
        out.append(f'<path d="M{LEFT} {z(threshold):.0f}H{WIDTH - 8}" stroke="#d33" stroke-dasharray="4 3"/>')
    for value, at in [(high, TOP + 8), (low, TOP + HEIGHT), (most, bottom + 8), (least, bottom + LOW)]:
        out.append(f'<text x="{LEFT - 4}" y="{at}" text-anchor="end" fill="#666">{number(value)}</text>')
    for t, anchor, at in [(first, "start", LEFT), (last, "end", WIDTH - 8)]:
        text = datetime.fromtimestamp(t, timezone.utc).strftime("%Y-%m-%d %H:%M")
        out.append(f'<text x="{at}" y="{bottom + LOW + 14}" text-anchor="{anchor}" fill="#666">{text}</text>')
    out.append(f'<text x="{WIDTH / 2}" y="{bottom + LOW + 14}" text-anchor="middle" fill="#36c">{score}</text>')
    with open(f"{REPO}/docs/img/{name}.svg", "w") as f:
        f.write("\n".join(out) + "\n</svg>\n")


def main():
    nab, cpu = sys.argv[1:3]
    with open(f"{nab}/windows.json") as f:
        windows = json.load(f)

    def on_nab(script, series, score, threshold, crit, *more, title=""):
        options = ["--set", "field=value", *more]
        points, alerts = replay(script, f"{nab}/{series}.csv.gz", options, crit)
        labels = [(seconds(a.split(".")[0] + "Z"), seconds(b.split(".")[0] + "Z")) for a, b in windows[f"{series}.csv"]]
        draw(script, title, ["value"], score, threshold, points, alerts, labels)

    on_nab("anomaly", "realKnownCause/nyc_taxi", "anomaly_score", None, "anomaly_alert",
           title="anomaly: taxi passengers in New York")
    on_nab("ewma", "realAWSCloudwatch/grok_asg_anomaly", "ewma_score", None, "ewma_alert",
           title="ewma: a group of servers")
    on_nab("change_likelihood", "realAWSCloudwatch/rds_cpu_utilization_cc0c53", "change_score", None, "change_alert",
           title="change_likelihood: the CPU of a database")
    on_nab("level_shift", "realAWSCloudwatch/rds_cpu_utilization_cc0c53", "shift_score", None, "shift_alert",
           title="level_shift: the CPU of a database")
    on_nab("seasonal", "realKnownCause/nyc_taxi", "seasonal_score", None, "seasonal_alert",
           "--set", "period=1w", "--set", "slots=168", title="seasonal: taxi passengers in New York, by the hour of the week")
    on_nab("knn", "realAWSCloudwatch/ec2_cpu_utilization_ac20cd", "knn_score", None, "knn_alert",
           title="knn: the CPU of a server")
    on_nab("rate_of_change", "realKnownCause/ec2_request_latency_system_failure", "rate_score", None, "rate_alert",
           title="rate_of_change: the latency of requests")
    on_nab("stuck", "realTweets/Twitter_volume_AAPL", "stuck_seconds", 3600.0, "stuck_alert",
           "--set", "after=1h", title="stuck: messages about a company; after=1h")
    on_nab("forecast", "realKnownCause/ambient_temperature_system_failure", "forecast_hours", 12.0, "forecast_hours < 12.0",
           "--set", "limit=85.0", "--set", "size=12", title="forecast: the temperature of an office; limit=85, size=12")
    with tempfile.TemporaryDirectory() as folder:
        machine(folder, cpu)
        taxi = f"{nab}/realKnownCause/nyc_taxi.csv.gz"
        with gzip.open(taxi, "rt") as f:
            text = f.read().rstrip() + "\n2015-02-12 00:00:00,0\n"
        path = os.path.join(folder, "taxi.csv")
        with open(path, "w") as f:
            f.write(text)
        options = ["--set", "field=value", "--period", "225d", "--every", "225d", "--set", "period=336"]
        points, _ = replay("shesd", path, options, "shesd_score > 0.0")
        alerts = [seconds(p["time"]) for p in points if p["fields"]["shesd_score"] > 0]
        labels = [(seconds(a.split(".")[0] + "Z"), seconds(b.split(".")[0] + "Z")) for a, b in windows["realKnownCause/nyc_taxi.csv"]]
        draw("shesd", "shesd: taxi passengers in New York, all at once, with a season of a week", ["value"], "shesd_score",
             None, points, alerts, labels)
    options = ["--precision", "s", "--period", "5m", "--every", "5m", "--set", "field=air"]
    points, alerts = replay("ttest_guarded", f"{REPO}/examples/printer/printer.lp.gz", options, "ttest_alert")
    draw("ttest_guarded", "ttest_guarded: the air in a 3D printer, 43200 s to 45000 s after the start is bad", ["ttest_pvalue"],
         "ttest_effect", 0.5, points, alerts, [(1451606400 + 43200, 1451606400 + 45000)])


def machine(folder, cpu):
    with gzip.open(cpu, "rt") as f:
        lines = f.readlines()
    total = os.path.join(folder, "total.lp")
    with open(total, "w") as f:
        f.writelines(line for line in lines if "cpu=cpu-total" in line)
    fields = ["usage_user", "usage_system"]
    points, alerts = replay("correlation_break", total, ["--set", "fields=usage_user,usage_system"], "correlation_alert")
    draw("correlation_break", "correlation_break: user (grey) and system time (green) of a machine", fields,
         "correlation_score", None, points, alerts, [])
    fields = ["usage_user", "usage_system", "usage_nice"]
    options = [x for field in fields for x in ("--set", f"field={field}")] + ["--set", "window=200"]
    points, alerts = replay("isolation_forest", total, options, "isolation_alert")
    draw("isolation_forest", "isolation_forest: user, system and nice time of a machine", fields, "isolation_score", None,
         points, alerts, [])
    cut = os.path.join(folder, "cut.lp")
    times = sorted({int(line.split()[-1]) for line in lines})
    gone = set(times[len(times) // 3 : len(times) // 2])
    with open(cut, "w") as f:
        f.writelines(line for line in lines if "cpu=cpu1" not in line or int(line.split()[-1]) not in gone)
    options = ["--group-by", "cpu", "--set", "after=10s", "--set", "every=1s"]
    points, alerts = replay("dead_man", cut, options, "dead_alert")
    of_cpu1 = [p for p in points if p["tags"].get("cpu") == "cpu1"]
    draw("dead_man", "dead_man: one of three CPUs, a sixth of its points taken away; after=10s", ["usage_idle"], "dead_seconds",
         10.0, of_cpu1, alerts, [])


main()
