#!/usr/bin/env bash
# The first steps of docs/fleet.md, on a real NATS server that is started here on a scratch folder and free ports of
# the loopback address: a fleet is made, fed, and shows the alerts that the page shows.
#
# usage: tests/fleet.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."
fleet=$(realpath "${1:-target/debug/rhai-udf-nats}")
export PATH=$PATH:/usr/sbin

scratch=$(mktemp -d)
cleanup() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT
fail() {
    echo "FAILED: $*" >&2
    tail -n 20 "$scratch"/*.log >&2 || true
    exit 1
}
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
await() {
    for _ in $(seq 600); do
        if grep -q "$2" "$scratch/$1.log"; then return 0; fi
        sleep 0.1
    done
    fail "$1 does not print: $2"
}

nats=$(free_port)
feed=$(free_port)
metrics=$(free_port)
# The blocks of the page, one file each; ports and the folder of the server are those of this test.
awk -v out="$scratch/block" '$0 == "```" && on {on = 0} on {print > (out n)} $0 == "```sh" && kept {on = 1; n++}
    {kept = /tests.fleet.sh runs it/}' docs/fleet.md
sed -i "s/127.0.0.1:9092/127.0.0.1:$feed/; s/127.0.0.1:9100/127.0.0.1:$metrics/; s#^nats-server -js#nats-server -js -a 127.0.0.1 -p $nats -sd js >nats.log 2>\&1#
    s/example >/example | sed s,4222,$nats, >/; s/^rhai-udf-nats \(feed\|worker\)/exec &/" "$scratch"/block*
awk '$0 == "```" && on {exit} on {print} $0 == "```text" {on = 1}' docs/fleet.md >"$scratch/shown"

ln -s "$PWD/scripts" "$PWD/examples" "$scratch/"
mkdir "$scratch/bin"
ln -s "$fleet" "$scratch/bin/rhai-udf-nats"
export PATH=$scratch/bin:$PATH
cd "$scratch"

. ./block1 || fail "the first block"
. ./block2 >feed.log 2>&1 &
. ./block3 >worker.log 2>&1 &
await feed "listening on http"
await worker "metrics on http"
. ./block4 >alerts 2>tail.log || fail "the last block"
diff shown alerts || fail "the alerts are others"
echo "the first steps of docs/fleet.md show what the page shows"
