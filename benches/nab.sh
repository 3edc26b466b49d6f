#!/bin/sh
# Scores scripts/anomaly.rhai on series of the Numenta Anomaly Benchmark, through the real replay.
#
#     benches/nab.sh DATA NABSCORE [RHAI_UDF]
#
# DATA      folder of <category>/<name>.csv(.gz) with columns timestamp,value and a windows.json
# NABSCORE  a scorer by the benchmark's rules: nabscore.py --data DATA --results RESULTS
# RHAI_UDF  the program; default target/release/rhai-udf
#
# Each alert of the script, at its default budget, is a detection: no threshold is picked. Prints the score for
# the three standard profiles, and fails if the standard one is below 66.
set -eu

data=$1
nabscore=$2
program=${3:-target/release/rhai-udf}
script=$(dirname "$0")/../scripts/anomaly.rhai
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

for file in "$data"/*/*.csv "$data"/*/*.csv.gz; do
    [ -e "$file" ] || continue
    name=${file#"$data"/}
    target=$results/${name%.gz}
    mkdir -p "$(dirname "$target")"
    "$program" replay "$script" --data "$file" --set field=value --format lp 2>/dev/null |
        sed 's/.*anomaly_alert=t.*/1/; t; s/.*anomaly_alert=f.*/0/; 1i anomaly_score' >"$target"
done

scores=$(python3 "$nabscore" --data "$data" --results "$results")
echo "$scores"
echo "$scores" | awk '$1 == "standard" { good = $2 >= 66 } END { exit !good }'
