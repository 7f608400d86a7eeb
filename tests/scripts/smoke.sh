#!/bin/sh
# Runs the smoke test of a cluster again and again while every core is busy with something else.
#
#   tests/scripts/smoke.sh [RUNS]
#
# RUNS is 50 if it is not given. A run that takes longer than 40 seconds has failed; the first failure ends this. Needs
# the programs and plugins of `cargo build --workspace`; builds in CARGO_TARGET_DIR (default: cargo's).
set -eu
cd "$(dirname "$0")/../.."

runs=${1:-50}
limit=40
name=streams::smoke::sb_7_a_cluster_smoke
work=$(mktemp -d)
busy=
finish() {
  # shellcheck disable=SC2086
  [ -z "$busy" ] || kill $busy 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cargo test --quiet --workspace --test e2e --no-run --message-format json >"$work/build.json"
test=$(sed -n 's/.*"name":"e2e".*"executable":"\([^"]*\)".*/\1/p' "$work/build.json")
[ -x "$test" ] || { printf 'cargo names no program for the end-to-end tests\n' >&2; exit 2; }

for _ in $(seq "$(nproc)"); do
  sh -c 'while :; do :; done' &
  busy="$busy $!"
done

run=0
longest=0
while [ "$run" -lt "$runs" ]; do
  run=$((run + 1))
  began=$(date +%s)
  code=0
  (cd tests && timeout "$limit" "$test" --exact "$name") >"$work/run.log" 2>&1 || code=$?
  took=$(($(date +%s) - began))
  [ "$took" -le "$longest" ] || longest=$took
  # A name that matches nothing would pass for ever.
  if [ "$code" -ne 0 ] || ! grep -q '^test result: ok. 1 passed' "$work/run.log"; then
    [ "$code" -ne 124 ] || printf 'longer than %d seconds\n' "$limit" >>"$work/run.log"
    cat "$work/run.log"
    printf 'run %d of %d failed after %d s\n' "$run" "$runs" "$took"
    exit 1
  fi
done
printf '%d runs passed under load, the longest took %d s\n' "$run" "$longest"
