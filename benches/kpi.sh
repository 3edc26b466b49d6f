#!/bin/sh
# Judges scripts/anomaly.rhai on labelled KPIs by the minute, through the real replay.
#
#     benches/kpi.sh DATA EVENTSCORE [RHAI_UDF]
#
# DATA        folder of <name>.csv.gz with columns timestamp,value,label
# EVENTSCORE  a judge of alerts by labelled events: eventscore.py --rhai-udf BIN --script S --crit EXPR DATA
# RHAI_UDF    the program; default target/release/rhai-udf
#
# Prints hits, false alarms and how well the default budget of one alarm a week was kept; fails if the event F1 is
# below 0.5 or a series has more than one false alarm a day.
set -eu

data=$1
eventscore=$2
program=${3:-target/release/rhai-udf}
script=$(dirname "$0")/../scripts/anomaly.rhai

figures=$(python3 "$eventscore" --rhai-udf "$program" --script "$script" --crit anomaly_alert \
    --set field=value --per-week 1 "$data")
echo "$figures"
echo "$figures" | sed -n 's/.* series: .*event F1 \([0-9.]*\).*/\1/p' | awk '{ good = $1 >= 0.5 } END { exit !good }'
echo "$figures" | grep -q ' 0 series above 1)'
