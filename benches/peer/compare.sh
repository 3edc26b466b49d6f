#!/bin/bash
# Runs every peer and rhai-udf on the same streams, in turn, and prints medians. README.md says how.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${PEER_DIR:-$root/target/peer}
rounds=${ROUNDS:-5}
rhai_udf=${RHAI_UDF:-$root/target/release/rhai-udf}
native=${NATIVE_MIRROR:-$root/target/release/examples/mirror}
python=$work/venv/bin/python
export PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1

main() {
    command -v /usr/bin/time >/dev/null || { echo "GNU time is missing: apt-get install time" >&2; exit 1; }
    prepare
    [ $# -gt 0 ] || set -- moving_avg mirror ttest
    for kind; do
        "compare_$kind"
    done
}

# The virtual environment, the messages compiled from our own proto file, and the streams: made once.
prepare() {
    mkdir -p "$work"
    if ! [ "$work/venv/made" -nt "$here/requirements.txt" ]; then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
        touch "$work/venv/made"
    fi
    if ! [ "$work/udf_pb2.py" -nt "$root/proto/udf.proto" ]; then
        "$python" -m grpc_tools.protoc -I"$root/proto" --python_out="$work" "$root/proto/udf.proto"
    fi
    if ! [ "$work/streams/ttest.bin" -nt "$here/generate.py" ]; then
        "$python" "$here/generate.py" "$work/streams"
    fi
}

compare_moving_avg() {
    contest moving_avg 300000
    enter 'official Go' "${OFFICIAL_GO_MOVING_AVG:-}"
    enter 'official Python' "${OFFICIAL_PY_MOVING_AVG:-}"
    enter 'our Python peer' "$python $here/moving_avg.py"
    enter 'rhai-udf' "$(script moving_avg)"
    run
}

# The official Go moving average is what the issue's ratios for passing points on refer to.
compare_mirror() {
    contest mirror 300000
    enter 'official Go moving_avg' "${OFFICIAL_GO_MOVING_AVG:-}" moving_avg
    enter 'official Go' "${OFFICIAL_GO_MIRROR:-}"
    enter 'official Python' "${OFFICIAL_PY_MIRROR:-}"
    enter 'our Python peer' "$python $here/mirror.py"
    enter 'rhai-udf' "$(script mirror)"
    enter 'native Rust handler' "$(command -v "$native" || true)"
    enter 'cat' cat uncounted
    run
}

compare_ttest() {
    contest ttest 345600
    enter "the guide's Python" "${OFFICIAL_PY_TTEST:-}"
    enter 'our Python peer' "$python $here/ttest.py"
    enter 'rhai-udf' "$(script ttest)"
    run
}

# The command for one of the shipped scripts, empty (the entry is left out) while either is not there.
script() {
    if [ -x "$rhai_udf" ] && [ -f "$root/scripts/$1.rhai" ]; then
        echo "$rhai_udf run $root/scripts/$1.rhai"
    fi
}

# contest STREAM POINTS
contest() {
    stream=$1 points=$2
    names=() commands=() kinds=()
}

# enter NAME COMMAND [KIND]: KIND is `uncounted` where the output is no answer to compare, or the name
# of another stream that this entry reads instead.
enter() {
    [ -n "$2" ] || return 0
    names+=("$1") commands+=("$2") kinds+=("${3:-}")
}

input() {
    case ${kinds[$1]} in
        '' | uncounted) echo "$work/streams/$stream.bin" ;;
        *) echo "$work/streams/${kinds[$1]}.bin" ;;
    esac
}

run() {
    local i round reference=''
    mkdir -p "$work/out"
    rm -f "$work/out/$stream".*
    for ((round = 0; round < rounds; round++)); do
        for i in "${!names[@]}"; do measure "$i"; done
    done
    echo
    echo "## $stream: $points points, $rounds rounds, load $(cut -d' ' -f1 /proc/loadavg)"
    echo
    printf '| %-22s | %9s | %9s | %9s | %9s | %8s | %8s |\n' '' 'wall s' 'best s' 'cpu s' 'points/s' 'peak MB' 'ratio'
    echo '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'
    for i in "${!names[@]}"; do line "$i"; done
    echo
    for i in "${!names[@]}"; do
        [ -z "${kinds[$i]}" ] || continue
        answer "$i" >"$work/out/$stream.$i.bin" 2>"$work/out/$stream.$i.log"
        if [ -z "$reference" ]; then
            reference=$i
        else
            echo "${names[$reference]} and ${names[$i]}:" \
                "$("$python" "$here/check.py" "$work/out/$stream.$reference.bin" "$work/out/$stream.$i.bin" 2>&1)"
        fi
    done
}

# One run: wall time in seconds, CPU time, peak memory in MB, appended to the entry's figures.
measure() {
    local start end
    start=$EPOCHREALTIME
    # shellcheck disable=SC2086 # a command with its arguments
    /usr/bin/time -q -o "$work/out/usage" -f '%U %S %M %x' ${commands[$1]} <"$(input "$1")" \
        >/dev/null 2>"$work/out/$stream.$1.log" || { cat "$work/out/$stream.$1.log" >&2; exit 1; }
    end=$EPOCHREALTIME
    awk -v start="$start" -v end="$end" '{ print end - start, $1 + $2, $3 / 1024 }' "$work/out/usage" \
        >>"$work/out/$stream.$1.figures"
}

answer() {
    ${commands[$1]} <"$(input "$1")"
}

# median COLUMN ENTRY
median() {
    cut -d' ' -f"$1" "$work/out/$stream.$2.figures" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# The ratio says how many times faster than the first entry.
line() {
    local best
    best=$(cut -d' ' -f1 "$work/out/$stream.$1.figures" | sort -n | head -1)
    awk -v name="${names[$1]}" -v wall="$(median 1 "$1")" -v best="$best" -v cpu="$(median 2 "$1")" \
        -v memory="$(median 3 "$1")" -v first="$(median 1 0)" -v points="$points" 'BEGIN {
            printf "| %-22s | %9.3f | %9.3f | %9.2f | %9d | %8.1f | %8.2f |\n",
                name, wall, best, cpu, points / wall, memory, first / wall }'
}

main "$@"
