#!/usr/bin/env bash
# Does what a new user does who follows the README, in order, and says how long each step took.
#
#   tests/scripts/walk.sh [--built FOLDER] [--port PORT]
#
# Every block of commands under the README's heading "Try it" is run as it stands there, in a copy of the tree's tracked
# files that is thrown away. --built FOLDER leaves out the blocks that build and takes the programs from FOLDER. --port uses
# another port than the one that the README names. Ends with an error as soon as one step does.
set -euo pipefail

built= port=8787
while [ $# -gt 0 ]; do
  case $1 in
    --built) built=$(cd "$2" && pwd); shift 2 ;;
    --port) port=$2; shift 2 ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
gateway=
finish() {
  [ -z "$gateway" ] || { kill "$gateway" 2>/dev/null && wait "$gateway" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

git -C "$repository" ls-files -z | (cd "$repository" && xargs -0 cp --parents -t "$folder")
cd "$folder"

# The blocks between the heading and the next one, each in a file of its own.
awk -v folder="$folder" '
  /^## / { inside = $0 == "## Try it" }
  inside && /^```sh$/ { block = sprintf("%s/walk-%02d", folder, ++count); next }
  /^```$/ { block = ""; next }
  block { print > block }
' README.md
blocks=("$folder"/walk-*)
[ -s "${blocks[0]}" ] || { printf 'the README has no blocks of commands under "Try it"\n' >&2; exit 1; }

# Waits until the gateway says where it listens; its own end is a failure.
listening() {
  local left=600
  until grep -q 'listens ' "$folder/gateway.log"; do
    left=$((left - 1))
    if [ "$left" -eq 0 ] || ! kill -0 "$gateway" 2>/dev/null; then
      cat "$folder/gateway.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

step() {
  local began=$SECONDS text=$1
  printf '\n$ %s\n' "$text"
  case $text in
    "cargo build"* | "export PATH="*)
      if [ -n "$built" ]; then
        export PATH="$built:$PATH"
        printf '(built already)\n'
      else
        eval "$text"
      fi
      ;;
    *" &")
      MCPG_GATEWAY__SERVER__BIND_ADDRESS=127.0.0.1:$port bash -c "exec ${text% &}" >"$folder/gateway.log" 2>&1 &
      gateway=$!
      listening
      cat "$folder/gateway.log"
      ;;
    *)
      bash -euo pipefail -c "$text" | tee "$folder/said"
      # curl does not fail for an error inside of an answer.
      ! grep -q '"error"' "$folder/said"
      ;;
  esac
  printf '# %d s\n' $((SECONDS - began))
}

for block in "${blocks[@]}"; do
  sed "s/8787/$port/g" "$block" >"$block.sh"
  # A command ends where its last line ends without a backslash.
  command=
  while IFS= read -r line; do
    command+=$line
    case $line in
      *\\) command+=$'\n'; continue ;;
      "" | "#"*) command=; continue ;;
    esac
    step "${command%%  #*}"
    command=
  done <"$block.sh"
done
printf '\nThe walk took %d s.\n' "$SECONDS"
