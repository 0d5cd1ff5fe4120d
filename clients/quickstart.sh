#!/usr/bin/env bash
# Runs the quick start of the README from the text of the README; see page.sh.
#
#   clients/quickstart.sh [FILE]   FILE is README.md by default
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/page.sh" "${1:-$here/../README.md}" quickstart
