#!/bin/bash
# Measures `replay` over 300,000 points of ten fields, and over the printer's day of the README, and
# prints medians. `cat` and `wc -l` over the same file are the floor.
#
#     cargo build --release
#     benches/replay.sh                         # all
#     ROUNDS=11 BEFORE=old/rhai-udf benches/replay.sh mirror    # one, beside another build, in turn
#
# Needs Python 3 for the data (made once, in target/replay) and GNU time. On a machine with other work
# the CPU seconds count, not the wall's.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=${REPLAY_DIR:-$root/target/replay}
rounds=${ROUNDS:-5}
after=${RHAI_UDF:-$root/target/release/rhai-udf}
before=${BEFORE:-}

main() {
    command -v /usr/bin/time >/dev/null || { echo "GNU time is missing: apt-get install time" >&2; exit 1; }
    mkdir -p "$work"
    if ! [ "$work/full.lp" -nt "$root/benches/peer/generate.py" ]; then
        python3 "$root/benches/peer/generate.py" --lines "$work"
    fi
    cd "$root"
    [ $# -gt 0 ] || set -- floor mirror full moving_avg anomaly tick readme
    printf '%-28s %9s %9s %9s %12s %9s\n' '' 'wall s' 'cpu s' 'best cpu' 'points/cpu s' 'peak MB'
    for kind; do "$kind"; done
}

floor() {
    points=300000
    measure cat cat "$work/cpu.lp"
    measure 'wc -l' wc -l "$work/cpu.lp"
}

mirror() {
    points=300000
    both mirror.rhai replay scripts/mirror.rhai --data "$work/cpu.lp"
}

# The same with all 16 or 17 digits of each double.
full() {
    points=300000
    both 'mirror.rhai, all digits' replay scripts/mirror.rhai --data "$work/full.lp"
}

moving_avg() {
    points=300000
    both 'moving_avg.rhai' replay scripts/moving_avg.rhai --data "$work/cpu.lp" --group-by '*' \
        --set field=usage_idle --set size=10 --set as=cpu_avg
}

anomaly() {
    points=300000
    both 'anomaly.rhai --crit' replay scripts/anomaly.rhai --data "$work/cpu.lp" --group-by '*' \
        --set field=usage_idle --crit anomaly_alert
}

tick() {
    points=300000
    both 'TICKscript' replay benches/replay.tick --udf moving_avg=scripts/moving_avg.rhai \
        --data "$work/cpu.lp"
}

# The README's first command: three uses of a script over 86,400 packed points.
readme() {
    points=86400
    both 'README' replay scripts/ttest.rhai --data examples/printer/printer.lp.gz --precision s \
        --period 5m --every 5m --each field=hotend,bed,air --set size=3600 --crit 'pvalue < 0.001'
}

# both NAME ARGUMENTS: this build, and the one before where there is one, in turn.
both() {
    local name=$1
    shift
    if [ -n "$before" ]; then
        contest "$name" "$before" "$after" "$@"
    else
        measure "$name" "$after" "$@"
    fi
}

contest() {
    local name=$1 old=$2 new=$3 round
    shift 3
    rm -f "$work"/figures.*
    for ((round = 0; round < rounds; round++)); do
        once before "$old" "$@"
        once after "$new" "$@"
    done
    line "$name, before" before
    line "$name, after" after
}

measure() {
    local name=$1 round
    shift
    rm -f "$work"/figures.*
    for ((round = 0; round < rounds; round++)); do once one "$@"; done
    line "$name" one
}

# once KEY COMMAND: wall and CPU time in seconds and peak memory in MB, appended to the figures.
once() {
    local key=$1 start end
    shift
    start=$EPOCHREALTIME
    /usr/bin/time -q -o "$work/usage" -f '%U %S %M' "$@" >/dev/null 2>"$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    end=$EPOCHREALTIME
    awk -v start="$start" -v end="$end" '{ print end - start, $1 + $2, $3 / 1024 }' "$work/usage" \
        >>"$work/figures.$key"
}

median() {
    cut -d' ' -f"$1" "$work/figures.$2" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

line() {
    local best
    best=$(cut -d' ' -f2 "$work/figures.$2" | sort -n | head -1)
    awk -v name="$1" -v wall="$(median 1 "$2")" -v cpu="$(median 2 "$2")" -v best="$best" \
        -v memory="$(median 3 "$2")" -v points="$points" 'BEGIN {
            printf "%-28s %9.3f %9.3f %9.3f %12d %9.1f\n", name, wall, cpu, best, points / (best > 0 ? best : 0.001), memory }'
}

main "$@"
