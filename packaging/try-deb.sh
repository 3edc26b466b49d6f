#!/usr/bin/env bash
# Installs a .deb on this machine, uses it as its documents say, removes and purges it. For root on Debian.
#
#     packaging/try-deb.sh target/package/out/rhai-udf_0.1.0_amd64.deb
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "$0")/.."
fail() { printf 'try-deb: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "only root can install packages"
dpkg-query -W rhai-udf >/dev/null 2>&1 && fail "rhai-udf is installed here already"
work=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    dpkg --purge rhai-udf >/dev/null 2>&1 || true
    rm -rf "$work" /etc/rhai-udf
}
trap end EXIT

dpkg --install "$deb" >/dev/null
list=$(dpkg-query -L rhai-udf)
# What is in it, is where its readers look for it.
for file in /usr/bin/rhai-udf /etc/rhai-udf/rhai-udf.toml /usr/lib/systemd/system/rhai-udf.service \
    /usr/lib/sysusers.d/rhai-udf.conf /usr/share/man/man1/rhai-udf.1.gz /usr/share/man/man1/rhai-udf-replay.1.gz \
    /usr/share/bash-completion/completions/rhai-udf /usr/share/zsh/vendor-completions/_rhai-udf \
    /usr/share/fish/vendor_completions.d/rhai-udf.fish /usr/share/rhai-udf/scripts/ttest.rhai \
    /usr/share/rhai-udf/scripts/models/pump.onnx /usr/share/doc/rhai-udf/third-party-licenses.txt \
    /usr/share/doc/rhai-udf/copyright; do
    # Small images of Debian leave out man pages and documents.
    case $file in
        /usr/share/man/* | /usr/share/doc/*) ;;
        *) [ -s "$file" ] || fail "$file is missing" ;;
    esac
    grep -qxF "$file" <<<"$list" || fail "$file is not in the package"
done
getent passwd rhai-udf >/dev/null || fail "the user rhai-udf was not made"
[ "$(stat -c %U:%a /var/lib/rhai-udf)" = rhai-udf:750 ] || fail "/var/lib/rhai-udf is $(stat -c %U:%a /var/lib/rhai-udf)"
rhai-udf check --deny-warnings /usr/share/rhai-udf/scripts >/dev/null

# As the document of the installation says: a script, the configuration, the doctor.
cp /usr/share/rhai-udf/scripts/moving_avg.rhai /etc/rhai-udf/
{
    printf '[http]\nbind-address = ":9092"\n'
    rhai-udf conf --dir /etc/rhai-udf | sed '/^\/\/ /,$d' | sed 's#/var/lib/kapacitor#/var/lib/rhai-udf#'
} >"$work/kapacitor.conf"
rhai-udf doctor "$work/kapacitor.conf" --user rhai-udf >"$work/doctor" || { cat "$work/doctor"; fail "doctor finds errors"; }
sed 's#/etc/rhai-udf"#/etc/rhai-ufd"#' "$work/kapacitor.conf" >"$work/broken.conf"
if rhai-udf doctor "$work/broken.conf" --user rhai-udf >"$work/doctor" 2>/dev/null; then fail "doctor finds nothing"; fi
grep -q '/etc/rhai-ufd does not exist' "$work/doctor" || { cat "$work/doctor"; fail "doctor does not name the folder"; }

# A session as the daemon starts one, by the user of the package, and a server with two connections.
as=(setpriv --reuid rhai-udf --regid rhai-udf --clear-groups --)
cat >"$work/session.py" <<'PY'
import socket, struct, subprocess, sys

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])

def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data

def frame(message):
    return varint(len(message)) + message

def text(name, value):
    return field(1, field(1, name) + field(2, varint(1 << 3) + varint(3) + field(5, value)))

def number(name, value):
    return field(1, field(1, name) + field(2, varint(1 << 3) + varint(1) + varint(3 << 3) + varint(value)))

def requests(options):
    yield frame(field(2, b"".join(options) + field(2, b"task") + field(3, b"udf2")))
    for i, value in enumerate([1.0, 3.0, 5.0]):
        double = field(8, field(1, b"x") + varint(2 << 3 | 1) + struct.pack("<d", value))
        yield frame(field(17, varint(1 << 3) + varint(i + 1) + field(2, b"m") + double))

def check(answer):
    # The mean of the last two of 1, 3, 5 is 4 at the end.
    assert struct.pack("<d", 4.0) in answer, answer
    assert b"\x12\x02\x08\x01" in answer, "init was refused: %r" % answer

kind, where = sys.argv[1:3]
options = [text(b"field", b"x"), number(b"size", 2)]
if kind == "entry":
    options.insert(0, text(b"script", b"moving_avg"))
data = b"".join(requests(options))
if kind == "run":
    check(subprocess.run(sys.argv[3:] + ["run", where], input=data, stdout=subprocess.PIPE, check=True).stdout)
else:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(where)
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    answer = b""
    while part := connection.recv(65536):
        answer += part
    check(answer)
PY
python3 "$work/session.py" run /etc/rhai-udf/moving_avg.rhai "${as[@]}" /usr/bin/rhai-udf 2>"$work/log" ||
    { cat "$work/log"; fail "the session fails"; }
install -d -o rhai-udf "$work/run"
chmod 755 "$work"
"${as[@]}" rhai-udf serve --dir /etc/rhai-udf --socket "$work/run" --state-dir /var/lib/rhai-udf/state 2>"$work/log" &
server=$!
for _ in $(seq 600); do
    [ "$(grep -c 'served on' "$work/log")" -ge 5 ] && break
    kill -0 "$server" || { cat "$work/log"; fail "the server has ended"; }
    sleep 0.1
done
python3 "$work/session.py" socket "$work/run/moving_avg.sock"
python3 "$work/session.py" entry "$work/run/stream-to-stream.sock"
kill "$server"
wait "$server" || fail "the server does not end well"
server=
[ -s /var/lib/rhai-udf/state/task.udf2.end.rudf ] || fail "no state was kept"

# Removed, the configuration and the states stay; purged, nothing but the operator's scripts does.
dpkg --remove rhai-udf >/dev/null 2>&1
[ ! -e /usr/bin/rhai-udf ] || fail "the program is left"
[ -s /etc/rhai-udf/rhai-udf.toml ] && [ -d /var/lib/rhai-udf/state ] || fail "remove is not purge"
dpkg --purge rhai-udf >/dev/null 2>&1
[ -s /etc/rhai-udf/moving_avg.rhai ] || fail "a script of the operator is gone"
[ "$(ls /etc/rhai-udf)" = moving_avg.rhai ] || fail "left: $(ls /etc/rhai-udf)"
rm /etc/rhai-udf/moving_avg.rhai && rmdir /etc/rhai-udf
for left in /var/lib/rhai-udf /usr/share/rhai-udf /usr/share/doc/rhai-udf /usr/lib/sysusers.d/rhai-udf.conf; do
    [ ! -e "$left" ] || fail "left: $left"
done
getent passwd rhai-udf >/dev/null && fail "the user rhai-udf is left"
echo "the package installs, works, and goes without a trace"
