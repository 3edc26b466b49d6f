#!/usr/bin/env python3
"""Makes the Parquet files of the tests and what pyarrow reads in them, as line protocol.

    python3 -m venv /tmp/pa && /tmp/pa/bin/pip install pyarrow
    /tmp/pa/bin/python tests/data/parquet/make.py

The files are what InfluxDB 3 (influx3.parquet: zstd, tags as dictionaries, nullable fields; marked.parquet: also its metadata), Telegraf
(telegraf.parquet: timestamps in nanoseconds, unsigned ints, snappy) and others write.
"""
import datetime
import os
import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST = 1_700_000_000
ROWS = 50


def column(kind, make):
    return pa.array([make(i) for i in range(ROWS)], type=kind)


def sparse(make, every):
    return lambda i: None if i % every == 0 else make(i)


def time(unit, factor):
    return column(pa.timestamp(unit, "UTC"), lambda i: (FIRST + 10 * i) * factor)


def fields():
    return {
        "usage": column(pa.float64(), sparse(lambda i: i * 1.25 - 7, 7)),
        "small": column(pa.float32(), lambda i: i * 0.5),
        "count": column(pa.int64(), sparse(lambda i: i * i - 100, 5)),
        "int32": column(pa.int32(), lambda i: -i),
        "uint": column(pa.uint64(), lambda i: i * 1_000_000_007),
        "uint32": column(pa.uint32(), lambda i: 4_000_000_000 + i),
        "uint8": column(pa.uint8(), lambda i: 200 + i % 50),
        "up": column(pa.bool_(), sparse(lambda i: i % 3 == 0, 11)),
        "text": column(pa.string(), sparse(lambda i: f'say "{i}" \\ ü', 4)),
    }


def tags(kind):
    return {
        "host": column(kind, lambda i: f"host {i % 3}"),
        "rack": column(kind, sparse(lambda i: f"r{i % 2}", 6)),
    }


def marked(table):
    """The same table with the metadata by which InfluxDB 3 knows its columns."""
    kinds = {"host": "tag", "rack": "tag", "time": "timestamp"}
    columns = [
        column.with_metadata({"iox::column::type": f"iox::column_type::{kinds.get(column.name, 'field')}"})
        for column in table.schema
    ]
    return table.cast(pa.schema(columns, metadata={"iox::measurement::name": "m"}))


def write(name, columns, change=lambda table: table, **options):
    table = change(pa.table(columns))
    pq.write_table(table, os.path.join(HERE, name), **options)
    return name


def make():
    dictionary = pa.dictionary(pa.int32(), pa.string())
    yield write(
        "influx3.parquet",
        {**tags(dictionary), **fields(), "time": time("ns", 10**9)},
        compression="zstd",
        row_group_size=20,
    )
    yield write(
        "marked.parquet",
        {**tags(dictionary), **fields(), "time": time("ns", 10**9)},
        change=marked,
        compression="zstd",
    )
    yield write(
        "telegraf.parquet",
        {"timestamp": time("ns", 10**9), **tags(pa.string()), **fields()},
        compression="snappy",
    )
    units = [("s", 1), ("ms", 10**3), ("us", 10**6)]
    for unit, factor in units:
        yield write(
            f"time_{unit}.parquet",
            {"time": time(unit, factor), **tags(pa.string()), "usage": fields()["usage"]},
            compression="gzip",
            data_page_version="2.0",
            use_dictionary=False,
        )
    naive = column(pa.timestamp("us"), lambda i: (FIRST + 10 * i) * 10**6)
    yield write(
        "int96.parquet",
        {"time": naive, **tags(pa.string()), "usage": fields()["usage"]},
        use_deprecated_int96_timestamps=True,
        compression="none",
    )
    seconds = column(pa.int64(), lambda i: FIRST + 10 * i)
    yield write(
        "seconds.parquet",
        {"ts": seconds, **tags(pa.large_string()), **fields()},
        compression="snappy",
        column_encoding={"usage": "BYTE_STREAM_SPLIT", "count": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY"},
        use_dictionary=False,
    )


def escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def key(text):
    return text.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    return f'"{escape(value)}"'


def nanoseconds(value, kind):
    if pa.types.is_timestamp(kind):
        return value.value if hasattr(value, "value") else value
    return value * 10**9


def lines(name):
    """The rows of a file as pyarrow has them."""
    table = pq.read_table(os.path.join(HERE, name))
    stamp = next(n for n in ("time", "timestamp", "ts") if n in table.column_names)
    kind = table.schema.field(stamp).type
    if pa.types.is_timestamp(kind):
        times = table[stamp].cast(pa.timestamp("ns")).cast(pa.int64()).to_pylist()
    else:
        times = [t * 10**9 for t in table[stamp].to_pylist()]
    columns = {n: table[n].to_pylist() for n in table.column_names if n != stamp}
    for i, at in enumerate(times):
        tags = "".join(f",{n}={key(columns[n][i])}" for n in ("host", "rack") if columns[n][i])
        names = sorted(n for n in columns if n not in ("host", "rack") and columns[n][i] is not None)
        fields = ",".join(f"{n}={value(columns[n][i])}" for n in names)
        if fields:
            yield f"m{tags} {fields} {at}\n"


if __name__ == "__main__":
    for name in make():
        with open(os.path.join(HERE, name.replace(".parquet", ".lp")), "w") as out:
            out.writelines(lines(name))
