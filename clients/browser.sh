#!/usr/bin/env bash
# Drives a real browser, Chromium without a window, against a freshly built Merlon on an empty data directory: the link of a mail
# opens the page of the server, and a virtual authenticator registers a passkey there. Chromium is taken from the system; where there is
# none and this runs as root with apt, it is installed.
#
#   MERLON_BIN      the server to test; by default it is built from this checkout
#   CHROMIUM_BIN    the browser; by default chromium or google-chrome of the system
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
if [ -z "${MERLON_BIN:-}" ]; then
    (cd "$root" && cargo build --locked --package server)
    MERLON_BIN=$target/debug/merlon
fi

find_browser() {
    local name
    for name in ${CHROMIUM_BIN:-chromium chromium-browser google-chrome}; do
        command -v "$name" && return
    done
    return 1
}
if ! find_browser >/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "no browser: install Chromium, or set CHROMIUM_BIN" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Links in mails name the port, so it is chosen here.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=$((RANDOM % 20000 + 10000))
while taken "$port"; do port=$((RANDOM % 20000 + 10000)); done
env -u MERLON_BIN "$MERLON_BIN" start --data "$work/data" --listen "127.0.0.1:$port" >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 600); do
    if grep -q '^ready ' "$work/out" || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
if ! grep -q '^ready ' "$work/out"; then
    echo "merlon did not get ready:" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
fi

MERLON_URL="http://localhost:$port" MERLON_PAT=$(cat "$work/data/automation.pat") CHROMIUM_BIN=$(find_browser) CHROMIUM_HOME="$work/browser" \
    timeout 120 node --test --test-reporter=spec browser/passkey.test.mjs
