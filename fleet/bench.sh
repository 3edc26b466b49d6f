#!/usr/bin/env bash
# Measures a fleet on this machine, server included: points/s from feed to output with one worker on one replica, and how
# long the partitions of a killed worker stand still. Needs nats-server, curl and python3.
#
#     fleet/bench.sh [MILLIONS OF POINTS, 4] [PARTITIONS, 2]
set -euo pipefail
cd "$(dirname "$0")/.."
millions=${1:-4} partitions=${2:-2}
[ -x target/release/rhai-udf-nats ] || cargo build --release -p rhai-udf-nats
binary=$PWD/target/release/rhai-udf-nats
script=$PWD/scripts/moving_avg.rhai
folder=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
cp "$script" .
port=$((20000 + RANDOM % 10000))
feed=$((port + 1))
printf '%s\n' 'name = "bench"' "servers = [\"nats://127.0.0.1:$port\"]" 'script = "moving_avg.rhai"' \
    "partitions = $partitions" '[set]' 'field = "x"' 'size = 10' '[streams]' 'input_bytes = 600000000' \
    'output_bytes = 1000000000' >bench.toml
nats-server -js -a 127.0.0.1 -p "$port" -sd "$folder/js" >nats.log 2>&1 & pids+=($!)
sleep 1
"$binary" --log-level warn create -c bench.toml
"$binary" feed -c bench.toml --bind "127.0.0.1:$feed" >feed.log 2>&1 & pids+=($!)
"$binary" worker -c bench.toml --id one >one.log 2>&1 & worker=$!; pids+=($worker)
python3 - <<'PY'
with open("lines.lp", "w") as out:
    for i in range(100_000):
        out.write(f"m,host=h{i % 500} x={i * 7919 % 1000}.5 {1700000000000000000 + i * 1000}\n")
PY
sleep 5
info() { # STREAM: its state, from the server itself
    python3 - "$port" "$1" <<'PY'
import json, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb"); f.readline()
f.write(b'CONNECT {"verbose":false}\r\nSUB in 1\r\nPUB $JS.API.STREAM.INFO.' + sys.argv[2].encode() + b' in 0\r\n\r\n'); f.flush()
while not (line := f.readline()).startswith(b"MSG"): pass
state = json.loads(f.read(int(line.split()[-1])))["state"]
print(state["messages"], state["bytes"], state["last_ts"])
PY
}
began=$(date +%s.%N)
for _ in $(seq $((millions * 10 / 2))); do
    # Two senders, as two Telegrafs would be.
    curl -sf --data-binary @lines.lp "http://127.0.0.1:$feed/write?db=d" & one=$!
    curl -sf --data-binary @lines.lp "http://127.0.0.1:$feed/write?db=d"
    wait $one
done
fed=$(date +%s.%N)
before=
while now=$(info bench_OUT); [ "$now" != "$before" ]; do before=$now; sleep 2; done
python3 - "$began" "$fed" "$now" "$millions" <<'PY'
import datetime, sys
began, fed, points = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[4]) * 1e6
stamp = sys.argv[3].split()[2][:26].rstrip("Z")
last = datetime.datetime.fromisoformat(stamp).replace(tzinfo=datetime.timezone.utc).timestamp()
print(f"fed in {fed - began:.1f} s: {points / (fed - began):,.0f} points/s")
print(f"in the output after {last - began:.1f} s: {points / (last - began):,.0f} points/s")
PY
lines=$("$binary" tail -c bench.toml --all --idle 3 | wc -l)
echo "$lines lines of output for $((millions * 1000000)) points"
"$binary" worker -c bench.toml --id two >two.log 2>&1 & pids+=($!)
sleep 12
curl -sf --data-binary @lines.lp "http://127.0.0.1:$feed/write?db=d"
killed=$(date +%s.%N)
kill -9 "$worker"
sleep 14
python3 - "$killed" two.log <<'PY'
import datetime, re, sys
killed, last = float(sys.argv[1]), None
for line in open(sys.argv[2]):
    if ": running after" in line:
        stamp = datetime.datetime.fromisoformat(line.split("Z")[0][:26]).replace(tzinfo=datetime.timezone.utc).timestamp()
        last = stamp if stamp > killed else last
print(f"the partitions of a killed worker were at work again after {last - killed:.1f} s" if last else "it had none")
PY
