#!/usr/bin/env bash
# Drives the published clients, unmodified, against a freshly built Merlon on an empty data
# directory and a free port, and sends people to an independent identity provider. Prints "N passed, N failed" last; the exit code says the same.
#
#   MERLON_BIN                 the server to test; by default it is built from this checkout
#   MERLON_CLIENTS_TARGET_DIR  where the Rust clients are built
#   MERLON_DATABASE__URL       an empty PostgreSQL database for the server, instead of its embedded one
#   SLAPD                      the directory server of OpenLDAP; by default that of the system, and where there is none and this
#                              runs as root with apt, it is installed
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
clients_target=${MERLON_CLIENTS_TARGET_DIR:-$target/clients}
if [ -z "${MERLON_BIN:-}" ]; then
    (cd "$root" && cargo build --locked --package server)
    MERLON_BIN=$target/debug/merlon
fi
MERLON_BIN=$(realpath "$MERLON_BIN")

SLAPD=${SLAPD:-$(PATH=$PATH:/usr/sbin:/usr/local/libexec command -v slapd || true)}
if [ -z "$SLAPD" ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "no directory server: install slapd of OpenLDAP, or set SLAPD" >&2
        exit 1
    fi
    # The tests start it with settings of their own: nothing is configured, so that nothing begins to listen.
    apt-get update -qq
    echo "slapd slapd/no_configuration boolean true" | debconf-set-selections
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slapd
    SLAPD=/usr/sbin/slapd
fi
export SLAPD

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# There before the first look at them: the server may begin later than the loop below.
touch "$work/out" "$work/err"
# The server reads MERLON_* as its configuration: it must not see ours.
env -u MERLON_BIN -u MERLON_CLIENTS_TARGET_DIR -u MERLON_URL -u MERLON_PAT "$MERLON_BIN" start --data "$work/data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 300); do
    MERLON_URL=$(sed -n 's/^ready \(http:\/\/.*\)$/\1/p' "$work/out")
    [ -z "$MERLON_URL" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
if [ -z "$MERLON_URL" ]; then
    echo "merlon did not get ready:" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
fi
MERLON_PAT=$(cat "$work/data/automation.pat")
export MERLON_URL MERLON_PAT MERLON_BIN

passed=0 failed=0

# count FILE PASSED_PATTERN FAILED_PATTERN STATUS: adds the sums of the numbers that follow the
# patterns; a run that failed without reporting a failed test counts as one.
count() {
    local ok bad
    ok=$(sed -n "s/$2/\1/p" "$1" | awk '{ n += $1 } END { print n + 0 }')
    bad=$(sed -n "s/$3/\1/p" "$1" | awk '{ n += $1 } END { print n + 0 }')
    if [ "$bad" -eq 0 ] && { [ "$4" -ne 0 ] || [ "$ok" -eq 0 ]; }; then bad=1; fi
    passed=$((passed + ok)) failed=$((failed + bad))
}

rust() {
    local status=0
    echo "== $1"
    (cd "$1" && CARGO_TARGET_DIR=$clients_target cargo test --locked) 2>&1 | tee "$work/$1.log" || status=1
    count "$work/$1.log" '^test result: .* \([0-9]*\) passed; .*$' '^test result: .* \([0-9]*\) failed; .*$' "$status"
}

npm_() {
    local status=0
    echo "== $1"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error &&
        node --test --test-reporter=spec --test-reporter-destination=stdout \
            --test-reporter=tap --test-reporter-destination="$work/$1.tap" tests/*.test.js) || status=1
    touch "$work/$1.tap"
    count "$work/$1.tap" '^# pass \([0-9]*\)$' '^# fail \([0-9]*\)$' "$status"
}

# called CLIENT SERVICE...: CLIENT, which ran last, must have made every call of these services (covered.mjs); counts as a test.
touch "$work/before"
called() {
    curl -fsS "$MERLON_URL/debug/metrics" >"$work/after"
    if node covered.mjs "$work/before" "$work/after" "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    mv "$work/after" "$work/before"
}

old="zitadel.user.v3alpha.UserService zitadel.user.schema.v3alpha.UserSchemaService"
new="zitadel.resources.user.v3alpha.ZITADELUsers zitadel.resources.userschema.v3alpha.ZITADELUserSchemas"
rust rust-v3alpha-2024-06
called rust-v3alpha-2024-06 $old zitadel.auth.v1.AuthService
rust rust-v3alpha-resources
called rust-v3alpha-resources $new zitadel.auth.v1.AuthService
npm_ npm
called npm $old $new zitadel.admin.v1.AdminService zitadel.feature.v2.FeatureService zitadel.user.v2.UserService
npm_ idp

if ! kill -0 "$server" 2>/dev/null; then
    echo "merlon ended during the tests:" >&2
    cat "$work/err" >&2
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
