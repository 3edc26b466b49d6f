#!/bin/bash
# The figures of issues 12 and 14, on a quiet machine: models, a model in a script, workers, long replays, Parquet, execd.
#
#     cargo build --release
#     RHAI_UDF_BENCH_MODELS=/tmp/mb benches/quiet.sh            # all
#     benches/quiet.sh workers archive                          # some
#
# `benches/peer/models.py` makes the models, `benches/peer/generate.py` the data. `archive` needs 1 GB in target/quiet (QUIET_DIR), 4 GB in TMPDIR for
# a while, and some minutes to make its file once. Wall seconds count here: nothing else may run.
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
            --group-by '*' --set field=usage_idle $([ $script = anomaly ] || echo --set size=10)
    done
}

lines() {
    [ -e "$work/cpu.lp" ] || python3 benches/peer/generate.py --lines "$work"
}

# Asked: 10 million points of ten fields in 8 s below 100 MB, 10 million points of five columns of Parquet in 3 s. The lines are those of
# `lines`, read 34 times, so that no 2.7 GB lie on the disk; times repeat, which moving_avg does not look at. The Parquet file has as many rows;
# it is made once, of 3 GB of lines in TMPDIR.
archive() {
    lines
    local average=(--set field=usage_idle --set size=10)
    local many=(--no-merge)
    for _ in {1..34}; do many+=(--data "$work/cpu.lp"); done
    local few=(--tag-columns cpu --field-columns usage_idle,usage_user,usage_system --group-by cpu)
    for workers in 1 2; do
        echo "10.2 million lines through moving_avg, $workers workers:"
        timed "$program" replay scripts/moving_avg.rhai "${many[@]}" --group-by '*' "${average[@]}" --workers $workers
    done
    if [ ! -e "$work/cpu.parquet" ]; then
        "$program" replay scripts/mirror.rhai "${many[@]}" -o "$work/cpu.parquet"
    fi
    for workers in 1 2; do
        for script in mirror moving_avg; do
            local options=("${average[@]}")
            [ $script = mirror ] && options=()
            echo "10.2 million rows of five columns through $script, $workers workers:"
            timed "$program" replay scripts/$script.rhai --data "$work/cpu.parquet" "${few[@]}" "${options[@]}" --workers $workers
        done
    done
}

# A state kept by one number of workers goes on in another: the lines must be those of a replay without a cut.
states() {
    lines
    local average=(replay scripts/moving_avg.rhai --group-by '*' --set field=usage_idle --set size=10)
    head -n 150000 "$work/cpu.lp" >"$work/first.lp"
    tail -n +150001 "$work/cpu.lp" >"$work/second.lp"
    "$program" "${average[@]}" --data "$work/cpu.lp" | sha256sum
    for pair in "1 2" "2 1" "2 4"; do
        read -r first second <<<"$pair"
        echo "from $first to $second workers:"
        {
            "$program" "${average[@]}" --data "$work/first.lp" --workers "$first" --save-state "$work/state"
            /usr/bin/time -f '%e s wall, %U s user, %M KB peak' -o "$work/timed" "$program" "${average[@]}" \
                --data "$work/second.lp" --workers "$second" --from-state "$work/state"
        } | sha256sum
        cat "$work/timed"
    done
    rm "$work/first.lp" "$work/second.lp" "$work/state"
}

execd() {
    python3 benches/execd.py
    python3 benches/execd.py --workers 2
}

[ $# -gt 0 ] || set -- models scripts workers archive states execd
for kind; do
    echo "== $kind"
    "$kind"
done
