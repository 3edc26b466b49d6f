#!/usr/bin/env bash
# Against a real InfluxDB 1.x, started here on a scratch folder and loopback ports of its own: a stream
# and a batch query are read, results are written, a subscription feeds `rhai-udf listen`.
#
# usage: tests/influxdb.sh [BINARY]; RHAI_UDF_INFLUXD names the server (default: influxd in PATH)
set -euo pipefail
cd "$(dirname "$0")/.."
udf=$(realpath "${1:-target/debug/rhai-udf}")
influxd=${RHAI_UDF_INFLUXD:-influxd}
if ! command -v "$influxd" >/dev/null; then
    # Only the program is wanted: the package must not start a service.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"; fi
    apt-get install -y influxdb >/dev/null
    if [ -n "$policy" ]; then rm -f "$policy"; fi
fi

scratch=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

fail() {
    echo "FAILED: $*" >&2
    tail -n 20 "$scratch"/*.err >&2 || true
    exit 1
}
# Waits until a command succeeds, for 20 s at most.
await() {
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "waited in vain for: $*"
}
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

http=$(free_port)
rpc=$(free_port)
cat >"$scratch/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
dir = "$scratch/meta"
[data]
dir = "$scratch/data"
wal-dir = "$scratch/wal"
[http]
bind-address = "127.0.0.1:$http"
log-enabled = false
[monitor]
store-enabled = false
CONF
"$influxd" -config "$scratch/influxdb.conf" >"$scratch/influxd.err" 2>&1 &
server=$!
pids+=("$server")
url=http://127.0.0.1:$http
await curl -sf "$url/ping"
ask() { curl -sS --fail-with-body -XPOST "$url/query" --data-urlencode "q=$1"; }

echo "== data"
ask 'CREATE DATABASE printer' >/dev/null
zcat examples/printer/printer.lp.gz | split -l 20000 - "$scratch/part."
for part in "$scratch"/part.*; do
    curl -sS --fail-with-body -XPOST "$url/write?db=printer&precision=s" --data-binary @"$part"
done
# An int, a string, a tag with a space: types and names that must survive.
curl -sS --fail-with-body -XPOST "$url/write?db=printer" --data-binary \
    'kinds,host=a\ b n=3i,x=4,on=true,s="say \"hi\"" 1500000000000000000'
span=(--start 2000-01-01T00:00:00Z --stop 2030-01-01T00:00:00Z)

echo "== the commands of docs/influxdb.md"
awk '$0 == "```" && on {exit} on {print} $0 == "```tick batch.tick" {on = 1}' docs/influxdb.md >"$scratch/batch.tick"
# The blocks `sh` that this database can answer.
awk '$0 == "```" && on {on = 0} on {print} $0 == "```sh" && kept {on = 1} {kept = /tests.influxdb.sh runs it/}' docs/influxdb.md |
    sed "s#http://localhost:8086#$url#" >"$scratch/page.sh"
for value in 1 2 3; do
    curl -sS --fail-with-body -XPOST "$url/write?db=printer" --data-binary "temperatures hotend=22$value,bed=90,air=70"
done
ln -s "$PWD/scripts" "$scratch/scripts"
(cd "$scratch" && PATH="$(dirname "$udf"):$PATH" bash -euo pipefail page.sh) >"$scratch/book.out" 2>"$scratch/book.err" ||
    fail "a command of docs/influxdb.md"
[ "$(grep -c hotend=22 "$scratch/book.out")" = 3 ] || fail "the points of the page's stream"
[ -s "$scratch/printer.srpl" ] && [ -s "$scratch/queries.brpl" ] || fail "what the page's commands save"
curl -sS --fail-with-body -XPOST "$url/query?db=printer" --data-urlencode "q=DELETE FROM temperatures WHERE time > '2020-01-01'" >/dev/null

echo "== a stream, in order, with its types"
"$udf" replay scripts/mirror.rhai --influxdb "$url" --db printer --measurement kinds "${span[@]}" \
    --format lp 2>"$scratch/kinds.err" >"$scratch/kinds.lp" || fail "stream"
echo 'kinds,host=a\ b n=3i,on=true,s="say \"hi\"",x=4 1500000000000000000' |
    diff - "$scratch/kinds.lp" || fail "types"
zcat examples/printer/printer.lp.gz >"$scratch/printer.lp"
name=$(head -n 1 "$scratch/printer.lp" | sed 's/[, ].*//')
for from in "--influxdb $url --db printer --save $scratch/saved.srpl ${span[*]}" \
    "--data $scratch/printer.lp --precision s" "--data $scratch/saved.srpl"; do
    # shellcheck disable=SC2086
    "$udf" replay scripts/ttest.rhai $from --measurement "$name" --period 5m --every 5m \
        --each field=hotend,bed,air --set size=3600 --crit 'pvalue < 0.001' \
        >"$scratch/alerts.now" 2>"$scratch/ttest.err" || fail "main job $from"
    if [ -s "$scratch/alerts" ]; then
        diff "$scratch/alerts" "$scratch/alerts.now" || fail "the alerts differ: $from"
    fi
    mv "$scratch/alerts.now" "$scratch/alerts"
done
test "$(wc -l <"$scratch/alerts")" -ge 4 || fail "no alerts"

echo "== a batch query, saved and read again, written back"
first=$(head -n 1 "$scratch/printer.lp" | awk '{print $NF}')
start=$(date -u -d "@$((first / 3600 * 3600))" +%Y-%m-%dT%H:%M:%SZ)
stop=$(date -u -d "@$((first / 3600 * 3600 + 7200))" +%Y-%m-%dT%H:%M:%SZ)
cat >"$scratch/batch.tick" <<TICK
batch
    |query('SELECT mean(hotend) AS hotend, max(bed) AS bed FROM printer.autogen.$name WHERE hotend > 0 OR bed > 0')
        .period(10m).every(10m).align().groupBy(time(1m)).fill('none')
    |influxDBOut()
        .database('results').retentionPolicy('week').measurement('means').tag('from', 'test')
        .precision('s').create()
TICK
"$udf" replay "$scratch/batch.tick" --influxdb "$url" --start "$start" --stop "$stop" --write \
    --save "$scratch/saved.brpl" 2>"$scratch/batch.err" || fail "batch"
cat "$scratch/batch.err"
grep -q 'points written to InfluxDB, 0 failed' "$scratch/batch.err" || fail "count"
"$udf" replay "$scratch/batch.tick" --data "$scratch/saved.brpl" --out "$scratch/out" \
    2>"$scratch/again.err" || fail "the saved recording"
lines=$(wc -l <"$scratch/out/results.week.lp")
count=$(ask 'SELECT count(hotend) FROM results.week.means' | grep -o '[0-9]*\]\]' | tr -d ']')
test "$lines" -gt 50 && test "$lines" = "$count" || fail "$lines lines, $count points in the database"

echo "== a subscription feeds listen"
cat >"$scratch/live.tick" <<'TICK'
dbrp "printer"."autogen"
stream
    |from().measurement('live')
    |alert().crit(lambda: "x" > 10.0).message('live {{ index .Fields "x" }}')
TICK
"$udf" listen "$scratch/live.tick" --port 0 --save "$scratch/live.srpl" \
    >"$scratch/live.out" 2>"$scratch/live.err" &
listen=$!
pids+=("$listen")
await grep -q listening "$scratch/live.err"
address=$(sed -n 's/^listening on //p' "$scratch/live.err")
ask "CREATE SUBSCRIPTION live ON printer.autogen DESTINATIONS ALL '$address'" >/dev/null
await sh -c "curl -sS '$url/write?db=printer' --data-binary 'live x=11' && grep -q 'live 11' '$scratch/live.out'"
kill -TERM "$listen"
wait "$listen" || fail "listen did not end well"
cat "$scratch/live.err"
"$udf" replay "$scratch/live.tick" --data "$scratch/live.srpl" 2>/dev/null | grep -q 'live 11' ||
    fail "the saved stream"
echo "== the same over TLS, with a user and a password"
ask "CREATE USER ann WITH PASSWORD 's3cret word' WITH ALL PRIVILEGES" >/dev/null
kill "$server"
wait "$server" || true
tls=tests/data/tls
sed -e "s|^log-enabled.*|&\nauth-enabled = true\nhttps-enabled = true\nhttps-certificate = \"$PWD/$tls/server.pem\"\nhttps-private-key = \"$PWD/$tls/server.key\"|" \
    "$scratch/influxdb.conf" >"$scratch/tls.conf"
"$influxd" -config "$scratch/tls.conf" >"$scratch/influxd-tls.err" 2>&1 &
pids+=($!)
secure=https://127.0.0.1:$http
await curl -sf --cacert "$tls/ca.pem" "$secure/ping"
export INFLUX_USERNAME=ann INFLUX_PASSWORD='s3cret word'
reads=(--influxdb "$secure" --db printer --measurement kinds --format lp "${span[@]}")
"$udf" replay scripts/mirror.rhai "${reads[@]}" --ca "$tls/ca.pem" >"$scratch/secure.lp" \
    2>"$scratch/secure.err" || fail "reading over TLS"
diff "$scratch/kinds.lp" "$scratch/secure.lp" || fail "types over TLS"
"$udf" replay "$scratch/batch.tick" --influxdb "$secure" --ca "$tls/ca.pem" --start "$start" --stop "$stop" --write \
    2>"$scratch/batch-tls.err" || fail "writing over TLS"
grep -q 'points written to InfluxDB, 0 failed' "$scratch/batch-tls.err" || fail "count over TLS"
refused() { # what is expected on standard error, then the command
    local expected=$1
    shift
    if "$@" >/dev/null 2>"$scratch/refused.err"; then fail "not refused: $*"; fi
    grep -q "$expected" "$scratch/refused.err" || fail "expected '$expected': $(cat "$scratch/refused.err")"
    if grep -q 's3cret\|wr0ng' "$scratch/refused.err"; then fail "a password is shown: $*"; fi
}
refused 'its certificate is not accepted' "$udf" replay scripts/mirror.rhai "${reads[@]}"
refused 'are the user and the password right' env INFLUX_PASSWORD=wr0ng \
    "$udf" replay scripts/mirror.rhai "${reads[@]}" --ca "$tls/ca.pem"
refused 'answers 400' env INFLUX_USERNAME= INFLUX_PASSWORD= \
    "$udf" replay scripts/mirror.rhai --influxdb "http://127.0.0.1:$http" --db printer "${span[@]}"
unset INFLUX_USERNAME INFLUX_PASSWORD
echo "m x=1 1000000000
conflict x=\"text\" 1000000000" >"$scratch/conflict.lp"
curl -sS --fail-with-body --cacert "$tls/ca.pem" -u "ann:s3cret word" "$secure/write?db=printer" --data-binary 'conflict x=1 1'
echo "stream|from()|influxDBOut().database('printer')" >"$scratch/out.tick"
if "$udf" replay "$scratch/out.tick" --data "$scratch/conflict.lp" --influxdb "https://ann:s3cret%20word@127.0.0.1:$http" \
    --ca "$tls/ca.pem" --write 2>"$scratch/conflict.err"; then fail "a conflict of types is not told"; fi
grep -q '1 points written to InfluxDB, 1 failed' "$scratch/conflict.err" || fail "$(cat "$scratch/conflict.err")"
grep -q 'field type conflict' "$scratch/conflict.err" || fail "$(cat "$scratch/conflict.err")"
if grep -q 's3cret' "$scratch/conflict.err"; then fail "a password is shown"; fi
echo "all passed against $("$influxd" version)"
