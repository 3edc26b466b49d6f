#!/bin/bash
# The figures of issues 12 and 14, on a quiet machine: models, a model in a script, workers, long replays, Parquet, execd.
#
#     cargo build --release --features parquet
#     RHAI_UDF_BENCH_MODELS=/tmp/mb benches/quiet.sh            # all
#     benches/quiet.sh workers archive                          # some
#
# `benches/peer/models.py` makes the models, `benches/peer/generate.py` the data. `archive` needs 8 GB in target/quiet (QUIET_DIR) and some
# minutes to make them once. Wall seconds count here: nothing else may run.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
program=${RHAI_UDF:-$root/target/release/rhai-udf}
work=${QUIET_DIR:-$root/target/quiet}
cd "$root"
mkdir -p "$work"

timed() { /usr/bin/time -f '%e s wall, %U s user, %M KB peak' "$@" >/dev/null; }

models() {
    cargo bench --bench models -- --noplot
}

scripts() {
    "$program" bench scripts/model.rhai --set model=pump.onnx
    "$program" bench scripts/models/pump.onnx
}

# Asked: two workers at least 1.7 times one.
workers() {
    [ -e target/workers/moving_avg.bin ] || python3 benches/peer/generate.py --points 1000000 target/workers
    python3 benches/workers.py --rounds 7
    lines
    for script in moving_avg anomaly; do
        python3 benches/workers.py --rounds 5 -- replay "scripts/$script.rhai" --data "$work/cpu.lp" \
            --group-by '*' --set field=usage_idle
    done
}

lines() {
    [ -e "$work/cpu.lp" ] || python3 benches/peer/generate.py --lines "$work"
}

# Asked: 10 million points of ten fields in 8 s below 100 MB, 10 million points of five columns of Parquet in 3 s.
archive() {
    local years=$work/years
    mkdir -p "$years"
    [ -e "$years/cpu.lp" ] || python3 benches/peer/generate.py --lines --points 10000000 "$years"
    timed "$program" replay scripts/moving_avg.rhai --data "$years/cpu.lp" --group-by '*' --set field=usage_idle --set size=10
    [ -e "$years/cpu.parquet" ] || "$program" replay scripts/mirror.rhai --data "$years/cpu.lp" -o "$years/cpu.parquet"
    timed "$program" replay scripts/moving_avg.rhai --data "$years/cpu.parquet" --tag-columns cpu \
        --field-columns usage_idle,usage_user,usage_system --group-by cpu --set field=usage_idle --set size=10
}

execd() {
    python3 benches/execd.py
    python3 benches/execd.py --workers 2
}

[ $# -gt 0 ] || set -- models scripts workers archive execd
for kind; do
    echo "== $kind"
    "$kind"
done
