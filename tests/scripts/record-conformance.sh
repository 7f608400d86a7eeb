#!/usr/bin/env bash
# Runs the official conformance suite through mcpg to the test upstream and writes docs/conformance.md.
#
#   tests/scripts/record-conformance.sh
#
# Both revisions are recorded as they are; only what fails or warns at 2025-11-25 makes the exit code 1. Builds in
# CARGO_TARGET_DIR (default: mcpg/target in the user's cache folder).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mcpg/target}
cargo build --quiet -p mcpg -p mcpg-tests --bins
programs=$CARGO_TARGET_DIR/debug
work=$(mktemp -d)
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# Waits for a line on a program's output and prints the URL in it.
url_in() {
  local tries=200 url
  while [ "$tries" -gt 0 ]; do
    # The program may not even have opened its output yet.
    url=$(grep -osE 'http://127\.0\.0\.1:[0-9]+/mcp' "$1" | head -n 1 || true)
    [ -z "$url" ] || { printf '%s\n' "$url"; return; }
    tries=$((tries - 1))
    sleep 0.1
  done
  printf 'no URL appeared in the output:\n' >&2
  cat "$1" >&2
  return 1
}

"$programs/mcpg-test-upstream" --port 0 >"$work/upstream.log" 2>&1 &
started+=($!)
upstream=$(url_in "$work/upstream.log")
cat >"$work/mcpg.yaml" <<YAML
gateway: { server: { bind_address: "127.0.0.1:0" } }
mcp: { federations: [{ name: upstream, upstream: { url: "$upstream" } }] }
YAML
"$programs/mcpg" --config "$work/mcpg.yaml" >"$work/mcpg.log" 2>&1 &
started+=($!)
url=$(url_in "$work/mcpg.log")

suite=$(sed -n 's/.*"@modelcontextprotocol\/conformance": "\(.*\)".*/\1/p' tests/clients/package.json)
legacy=0
mkdir -p docs
{
  printf '# Conformance\n\nWritten by `tests/scripts/record-conformance.sh`; not edited by hand.\n\n'
  printf 'The official conformance suite %s runs through one mcpg (single node) to the test upstream of this\n' "$suite"
  printf 'repository, without prefixes. Numbers are checks; a scenario that is not scored is listed too. Below\n'
  printf 'each table stands every check that failed or warned.\n'
  for revision in 2025-11-25 2026-07-28; do
    printf '\n## %s\n\n' "$revision"
    code=0
    tests/scripts/conformance.sh --strict --markdown "$url" "$revision" "$work/$revision" || code=$?
    [ "$code" -ne 2 ] || exit 2
    [ "$revision" != 2025-11-25 ] || legacy=$code
  done
} >"$work/conformance.md"
mv "$work/conformance.md" docs/conformance.md
printf 'docs/conformance.md written\n'
exit "$legacy"
