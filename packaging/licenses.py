#!/usr/bin/env python3
"""The licences of all crates that are compiled into the program, with their texts.

    packaging/licenses.py [TARGET] > third-party-licenses.txt

A licence that is not in ALLOWED fails: it must be looked at by a person first. What a crate may be used under
instead (A OR B) is enough. The texts are those in the crates' own sources.
"""

import json
import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "MPL-2.0+", "Unicode-3.0", "Unlicense", "Zlib",
}
ROOT = pathlib.Path(__file__).resolve().parent.parent


def allowed(expression):
    """Whether a licence expression (SPDX; "A/B" is the old "A OR B") can be met by ALLOWED."""
    text = expression.replace("/", " OR ")
    while match := re.search(r"\(([^()]*)\)", text):
        inner = "MIT" if allowed(match[1]) else "NONE"
        text = text[: match.start()] + inner + text[match.end():]
    return any(
        all(part.strip() in ALLOWED for part in choice.split(" AND ")) for choice in text.split(" OR ")
    )


def crates(target):
    """The crates of the program itself: neither those of its tests nor those of its build."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    data = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = next(id for id, p in packages.items() if p["name"] == "rhai-udf" and p["source"] is None)
    found, todo = set(), [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            kinds = {kind["kind"] for kind in dep["dep_kinds"]}
            if None in kinds and dep["pkg"] not in found:
                found.add(dep["pkg"])
                todo.append(dep["pkg"])
    # Procedural macros leave nothing of themselves in the program, but are named all the same.
    return sorted((packages[id] for id in found), key=lambda p: (p["name"], p["version"]))


def texts(package):
    """The files of a crate that are its licences."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [f for f in folder.iterdir() if re.match(r"(?i)(un)?licen[cs]e|copying|notice|copyright", f.name)]
    return [f.read_text(errors="replace").strip() for f in sorted(files) if f.is_file()]


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else "x86_64-unknown-linux-gnu"
    packages = crates(target)
    refused = [p for p in packages if not allowed(p["license"] or "NONE")]
    for p in refused:
        print(f"{p['name']} {p['version']}: licence {p['license']} is not among the allowed", file=sys.stderr)
    if refused:
        sys.exit(1)
    print("rhai-udf is MIT OR Apache-2.0. It contains these crates:\n")
    for p in packages:
        print(f"{p['name']} {p['version']}: {p['license']}  {p['repository'] or ''}".rstrip())
    print("\nThe page of the lab contains the packages that lab/dist/licenses.txt names. The font of the")
    print("pictures is DejaVu Sans, under the licence in src/plot/font/LICENSE.")
    seen = {}
    for p in packages:
        for text in texts(p):
            seen.setdefault(text, []).append(f"{p['name']} {p['version']}")
    for text, names in seen.items():
        print("\n" + "=" * 100 + "\n" + ", ".join(names) + "\n" + "=" * 100 + "\n\n" + text)
    for name in ["lab/dist/licenses.txt", "src/plot/font/LICENSE"]:
        print("\n" + "=" * 100 + "\n" + name + "\n" + "=" * 100 + "\n\n" + (ROOT / name).read_text().strip())


if __name__ == "__main__":
    main()
