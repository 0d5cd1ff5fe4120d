#!/usr/bin/env bash
# Runs a page from its own text: every ```sh block of a markdown file between `<!-- MARK -->` and
# `<!-- /MARK -->`, in order, in one bash, in an empty directory. A ```json block states the answer
# that the last command before it gives (see shows.mjs). Prints commands' output, then how many
# blocks ran, how many answers were as stated, and the wall time.
#
#   clients/page.sh FILE MARK
#   MERLON_BIN                the server to use; by default it is built from this checkout
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
text=$(realpath "$1")
mark=$2
target=${CARGO_TARGET_DIR:-$root/target}
if [ -z "${MERLON_BIN:-}" ]; then
    (cd "$root" && cargo build --locked --package server)
    MERLON_BIN=$target/debug/merlon
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/home" "$work/blocks"
ln -s "$(realpath "$MERLON_BIN")" "$work/bin/merlon"

# blocks/N.sh holds the commands of the N-th block, blocks/N.json what the text says they answer.
# Whoever adds a block of another kind inside the marks hears that nobody would run it.
awk -v mark="$mark" -v to="$work/blocks/" '
    $0 == "<!-- " mark " -->" { on = 1 }
    $0 == "<!-- /" mark " -->" { on = 0; closed = 1 }
    !on { next }
    kind && /^```$/ { close(file); kind = ""; next }
    kind { print >file; next }
    !/^```/ { next }
    { kind = substr($0, 4); line = FILENAME ":" FNR }
    kind == "sh" { file = to sprintf("%03d", ++count) ".sh"; printf "" >file; next }
    kind == "json" && count && !stated[count]++ { file = to sprintf("%03d", count) ".json"; next }
    { print line ": neither commands nor the answer of the commands before it" >"/dev/stderr"; bad = 1; exit }
    END { if (bad || on || kind || !closed || !count) { print "no whole <!-- " mark " --> in " FILENAME >"/dev/stderr"; exit 1 } }
' "$text"

# The text says port 8080; a free one stands in, so that the page meets no other server.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=8080
while [ "$port" = 8080 ] || taken "$port"; do port=$((RANDOM % 20000 + 10000)); done

# One script, so that blocks share variables and functions. What a block prints is kept for its
# stated answer; the server that a block leaves running ends with the script.
{
    echo 'trap "kill \$(jobs -p) 2>/dev/null || true; wait" EXIT'
    for block in "$work"/blocks/*.sh; do
        echo "exec >'${block%.sh}.out'"
        sed "s/8080/$port/g" "$block"
        echo "touch '${block%.sh}.ran'"
    done
} >"$work/script"

began=$(date +%s%N)
status=0
(cd "$work/home" && env -u MERLON_BIN -u MERLON_CLIENTS_TARGET_DIR -u MERLON_URL -u MERLON_PAT MERLON_SERVER__LISTEN="127.0.0.1:$port" PATH="$work/bin:$PATH" \
    timeout 120 bash -euo pipefail "$work/script" </dev/null) || status=1
took=$((($(date +%s%N) - began) / 1000000))

ran=0 shown=0
for block in "$work"/blocks/*.sh; do
    name=${block%.sh}
    if [ ! -e "$name.out" ]; then continue; fi
    sed 's/^/$ /' "$block"
    cat "$name.out"
    if [ ! -e "$name.ran" ]; then
        echo "^ this block of $1 failed" >&2
        status=1
        continue
    fi
    ran=$((ran + 1))
    if [ ! -e "$name.json" ]; then continue; fi
    if node "$here/shows.mjs" "$name.json" "$name.out"; then
        shown=$((shown + 1))
    else
        echo "^ this block of $1 does not answer what the text says" >&2
        status=1
    fi
done
count() { find "$work/blocks" -name "*.$1" | wc -l; }
if [ "$ran" -ne "$(count sh)" ] || [ "$shown" -eq 0 ] || [ "$shown" -ne "$(count json)" ]; then status=1; fi
printf '%s: %d of %d blocks ran, %d of %d answers as stated, %d.%03d s, %s\n' "$mark" "$ran" "$(count sh)" "$shown" "$(count json)" \
    $((took / 1000)) $((took % 1000)) "$([ $status -eq 0 ] && echo passed || echo failed)"
exit "$status"
