#!/bin/sh
# What must pass before a change is let in.
set -e
cd "$(dirname "$0")"
rhai-udf check --deny-warnings __NAME__.rhai
rhai-udf test --format junit -o report.xml
rhai-udf make data.toml -o data.lp
rhai-udf replay __NAME__.tick --udf __NAME__=__NAME__.rhai --data data.lp --strict
