#!/usr/bin/env bash
# Makes the files of a release: .deb, tarball, container image, SBOM and their SHA-256 sums, in target/package/out.
#
#     packaging/release.sh                       # all of them, from a static binary of the profile dist
#     packaging/release.sh --binary FILE deb     # only the .deb, from a binary that is there already
#
# The same commit gives the same bytes in any folder. It needs cargo-deb and cargo-cyclonedx (cargo install --locked
# cargo-deb cargo-cyclonedx), python3, and buildah for the image; what is missing is said.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=
if [ "${1-}" = --binary ]; then
    binary=$(realpath "$2")
    shift 2
fi
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(deb tarball image sbom)

# Times in the files are those of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C CARGO_INCREMENTAL=0
umask 022
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(uname -m)
here=$PWD
work=target/package
out=$work/out
rm -rf $work
mkdir -p $out $work/man $work/completions

say() { printf '%s\n' "release: $*" >&2; }

# The target of musl is static by itself; a crate has parts in C, so it needs musl's compiler too. Where one of them
# is missing, the GNU target is linked statically, which the C library of Debian 12 and later does without loading
# anything at run time.
target=$arch-unknown-linux-musl
flags=
missing=
rustup target list --installed 2>/dev/null | grep -qx "$target" || missing="rustup target add $target"
command -v musl-gcc >/dev/null || missing="${missing:+$missing, }apt-get install musl-tools"
if [ -n "$missing" ]; then
    target=$arch-unknown-linux-gnu
    flags="-C target-feature=+crt-static"
    say "musl is missing ($missing); linking the GNU target statically"
fi

if [ -z "$binary" ]; then
    # Neither the folder of the source nor that of the crates is seen in the program.
    cargo_home=$(realpath "${CARGO_HOME:-$HOME/.cargo}")
    export RUSTFLAGS="--remap-path-prefix=$here=/rhai-udf --remap-path-prefix=$cargo_home=/cargo $flags"
    cargo build --locked --profile dist --target "$target"
    unset RUSTFLAGS
    binary=$(realpath "${CARGO_TARGET_DIR:-target}/$target/dist/rhai-udf")
fi
install -m 0755 "$binary" $work/rhai-udf
udf=$work/rhai-udf

say "man pages, completions, licences"
"$udf" man $work/man
gzip -9n $work/man/*.1
"$udf" completions bash > $work/completions/rhai-udf
"$udf" completions zsh > $work/completions/_rhai-udf
"$udf" completions fish > $work/completions/rhai-udf.fish
packaging/licenses.py "$target" > $work/third-party-licenses.txt
gzip -9nc CHANGELOG.md > $work/changelog.gz

deb() {
    cargo deb --version >/dev/null 2>&1 || { say "cargo-deb is missing: cargo install --locked cargo-deb"; return 1; }
    cargo deb --locked --no-build --no-strip --output "$out/rhai-udf_${version}_$(dpkg --print-architecture).deb"
}

tarball() {
    local name=rhai-udf-$version-$arch-linux
    local to=$work/$name
    mkdir -p "$to"
    cp -r $work/rhai-udf $work/man $work/completions $work/third-party-licenses.txt scripts README.md CHANGELOG.md \
        LICENSE-MIT LICENSE-APACHE "$to"
    mkdir -p "$to/etc" "$to/systemd"
    cp packaging/etc/rhai-udf.toml "$to/etc"
    cp packaging/*.service packaging/*.socket packaging/rhai-udf.sysusers "$to/systemd"
    tar -C $work --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        -cf - "$name" | gzip -9n > "$out/$name.tar.gz"
    rm -r "$to"
}

image() {
    command -v buildah >/dev/null || { say "buildah is missing (apt-get install buildah): no image"; return 0; }
    # Neither a daemon, nor a registry, nor more rights than a container has are needed.
    local storage=(--root "$here/$work/storage" --runroot "$here/$work/storage-run" --storage-driver vfs)
    buildah "${storage[@]}" build --isolation chroot --timestamp "$SOURCE_DATE_EPOCH" --quiet \
        -f packaging/Containerfile -t "localhost/rhai-udf:$version" . >/dev/null
    buildah "${storage[@]}" push --quiet "localhost/rhai-udf:$version" \
        "oci-archive:$work/image.tar:rhai-udf:$version" >/dev/null
    # The archive's own times are those of the build: it is packed again.
    mkdir $work/image
    tar -C $work/image -xf $work/image.tar
    tar -C $work/image --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - . |
        gzip -9n > "$out/rhai-udf-$version-$arch-image.tar.gz"
    rm -rf $work/image $work/image.tar
}

sbom() {
    cargo cyclonedx --version >/dev/null 2>&1 || { say "cargo-cyclonedx is missing: no SBOM"; return 0; }
    cargo cyclonedx --quiet --format json --target "$target" --no-build-deps --override-filename rhai-udf-sbom
    # A serial number would be another one each time, and the paths are those of this machine.
    python3 - rhai-udf-sbom.json "$out/rhai-udf-$version-sbom.cdx.json" "$here" <<'PY'
import json, sys
text = open(sys.argv[1]).read().replace("file://" + sys.argv[3], "file:///rhai-udf")
sbom = json.loads(text)
sbom.pop("serialNumber", None)
json.dump(sbom, open(sys.argv[2], "w"), indent=1, sort_keys=True)
PY
    rm -f rhai-udf-sbom.json
}

for part in "${parts[@]}"; do
    say "$part"
    case $part in
        deb | tarball | image | sbom) $part ;;
        *) say "there is no part '$part'; write deb, tarball, image or sbom"; exit 2 ;;
    esac
done
# The list is whole before its file is there, or it would sometimes hold itself.
sums=$(cd $out && sha256sum -- *)
printf '%s\n' "$sums" | tee $out/SHA256SUMS
