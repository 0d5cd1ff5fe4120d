#!/usr/bin/env bash
# Runs the quick start of the README, from the text of the README: every ```sh block between
# `<!-- quickstart -->` and `<!-- /quickstart -->`, in order, in one bash, in an empty directory.
# Prints the output of the blocks and the wall time.
#
#   clients/quickstart.sh [FILE]   FILE is README.md by default
#   MERLON_BIN                     the server to use; by default it is built from this checkout
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
text=$(realpath "${1:-$root/README.md}")
target=${CARGO_TARGET_DIR:-$root/target}
if [ -z "${MERLON_BIN:-}" ]; then
    (cd "$root" && cargo build --locked --package server)
    MERLON_BIN=$target/debug/merlon
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/home"
ln -s "$(realpath "$MERLON_BIN")" "$work/bin/merlon"

awk '/^<!-- quickstart -->$/ { on = 1 } /^<!-- \/quickstart -->$/ { on = 0 }
     /^```/ { code = on && !code && $0 == "```sh"; next } code' "$text" >"$work/blocks"
if [ ! -s "$work/blocks" ]; then
    echo "no quick start in $text" >&2
    exit 1
fi

# The text says port 8080. Where that one is taken, and only there, another stands in.
port=8080
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
while taken "$port"; do port=$((RANDOM % 20000 + 20000)); done
if [ "$port" != 8080 ]; then
    echo "port 8080 is taken, using $port" >&2
    sed -i "s/8080/$port/g; s/merlon start/merlon start --listen 127.0.0.1:$port/" "$work/blocks"
fi

# The server that the blocks leave running ends with them.
{
    echo 'trap "kill \$(jobs -p) 2>/dev/null || true; wait" EXIT'
    cat "$work/blocks"
} >"$work/script"

began=$(date +%s%N)
status=0
(cd "$work/home" && env -u MERLON_BIN -u MERLON_CLIENTS_TARGET_DIR PATH="$work/bin:$PATH" timeout 120 bash -euo pipefail "$work/script") 2>&1 | tee "$work/log" || status=1
took=$((($(date +%s%N) - began) / 1000000))

# The last thing a newcomer sees is the user with the proven factor.
if [ "$status" -eq 0 ] && ! tr -d ' \n' <"$work/log" | grep -q '"otpSms":\[.*"isVerified":true'; then
    echo "the quick start ran, but did not show a verified factor" >&2
    status=1
fi
printf 'quick start: %d.%03d s, %s\n' $((took / 1000)) $((took % 1000)) "$([ $status -eq 0 ] && echo passed || echo failed)"
exit "$status"
