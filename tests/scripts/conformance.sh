#!/bin/sh
# Runs the official conformance suite against a server and evaluates every check it made.
#
#   tests/scripts/conformance.sh [--strict] [--markdown] URL REVISION OUTDIR
#
# REVISION is 2025-11-25 or 2026-07-28; all scenarios of its requirement set run, the unscored ones too. URL must
# name localhost, or the suite cannot test protection against DNS rebinding. OUTDIR keeps the checks and the log.
# The suite's own exit code ignores warnings and unscored scenarios, so this one does not use it as the verdict:
# it is 0 if no check failed (--strict: nor warned), 1 if one did, 2 if the suite did not run to its end.
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
options=
while [ $# -gt 0 ]; do
  case $1 in
    --strict | --markdown) options="$options $1" ;;
    *) break ;;
  esac
  shift
done
if [ $# -ne 3 ]; then
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
url=$1 revision=$2 output=$3

assignments=$("$scripts/node.sh") || exit 2
eval "$assignments"
suite=$MCPG_TEST_NODE_MODULES/@modelcontextprotocol/conformance/dist/index.js

# Results of an earlier run would be counted twice.
mkdir -p "$output"
find "$output" -mindepth 1 -maxdepth 1 -name 'server-*' -exec rm -rf {} +
code=0
"$MCPG_TEST_NODE" "$suite" server --url "$url" --requirements "$revision" -o "$output" \
  >"$output/suite.log" 2>&1 || code=$?

# shellcheck disable=SC2086
exec "$MCPG_TEST_NODE" "$scripts/conformance-report.mjs" $options "--suite-exit-code=$code" "$revision" "$output"
