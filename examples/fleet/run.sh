#!/usr/bin/env bash
# Three replicas that are one server, and what happens when one of them is killed. See --help.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: examples/fleet/run.sh [--port N] [--programs FOLDER] [--stay]

Starts redis-server, three replicas of mcpg, a balancer without sticky sessions and an MCP server behind them. Opens a
session, calls a tool on each replica, kills the replica that answered last (SIGKILL), and shows that the session goes
on at the others. Everything is stopped at the end, or by Ctrl-C.

  --port N           the balancer's port; the eight that follow are used too (default 8787)
  --programs FOLDER  where cargo put the programs (default: target/debug, or debug in $CARGO_TARGET_DIR)
  --stay             keeps the fleet running afterwards, for a client of your own, until Ctrl-C

needs: redis-server 7 or newer, node 18 or newer, curl, and once, in the root of the repository:
  cargo build -p mcpg -p mcpg-cluster-redis && cargo build -p mcpg-tests --bins
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${CARGO_TARGET_DIR:-$here/../../target}/debug
port=8787
stay=
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=${2:?--port needs a number}; shift ;;
    --programs) programs=${2:?--programs needs a folder}; shift ;;
    --stay) stay=1 ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'unknown argument: %s\n' "$1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

for program in redis-server node curl; do
  command -v "$program" >/dev/null || fail "$program is missing; install it first"
done
export REDIS_PLUGIN=$programs/libmcpg_cluster_redis.so
for file in "$programs/mcpg" "$programs/mcpg-test-upstream" "$REDIS_PLUGIN"; do
  [ -e "$file" ] || fail "$file is missing; build it in the root of the repository:
  cargo build -p mcpg -p mcpg-cluster-redis && cargo build -p mcpg-tests --bins"
done

work=$(mktemp -d)
started=()
cleanup() {
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND...: runs a program in the background with its output in a file.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  pid=$!
  started+=("$pid")
  # The shell does not report the end of a program that is killed on purpose.
  disown "$pid"
}

# ready NAME COMMAND...: waits until a command succeeds; the program started last is the one that it tells of.
ready() {
  local name=$1 tries=300
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ] || ! kill -0 "$pid" 2>/dev/null; then
      cat "$work/$name.log" >&2
      fail "$name did not come up"
    fi
    sleep 0.1
  done
}

export REDIS_PORT=$((port + 7))
export UPSTREAM_URL=http://127.0.0.1:$((port + 8))/mcp
start redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$work" --appendonly yes
ready redis grep -q 'Ready to accept connections' "$work/redis.log"
start upstream "$programs/mcpg-test-upstream" --port "$((port + 8))"
ready upstream grep -q 'listening on' "$work/upstream.log"

declare -A pid_of
replicas=()
number=0
for name in a b c; do
  number=$((number + 1))
  export NODE_ID=$name PORT=$((port + number)) ADMIN_PORT=$((port + 3 + number))
  start "$name" "$programs/mcpg" --config "$here/mcpg.yaml"
  pid_of[$name]=$pid
  replicas+=("$name=127.0.0.1:$PORT,127.0.0.1:$ADMIN_PORT")
  ready "$name" curl -sf "http://127.0.0.1:$ADMIN_PORT/ready"
done
url=http://127.0.0.1:$port/mcp
start balancer node "$here/balancer.mjs" "$port" "${replicas[@]}"
for name in a b c; do ready balancer grep -q "$name takes requests" "$work/balancer.log"; done
printf 'three replicas behind %s\n\n' "$url"

session=
# post MESSAGE: sends a message, in the session if there is one. Sets served, and body to the answer.
post() {
  local headers=(-H 'content-type: application/json' -H 'accept: application/json, text/event-stream') code
  [ -z "$session" ] || headers+=(-H "mcp-session-id: $session" -H 'mcp-protocol-version: 2025-11-25')
  code=$(curl -sS -D "$work/head" -o "$work/body" -w '%{http_code}' "${headers[@]}" -d "$1" "$url")
  case $code in
    200 | 202) ;;
    *) fail "the answer is $code: $(cat "$work/body")" ;;
  esac
  served=$(header x-served-by)
  body=$(cat "$work/body")
}

header() {
  tr -d '\r' <"$work/head" | sed -n "s/^$1: //Ip"
}

# call: counts one up, on whichever replica has its turn.
calls=0
call() {
  calls=$((calls + 1))
  post '{"jsonrpc":"2.0","id":'$calls',"method":"tools/call","params":{"name":"count","arguments":{"tag":"example"}}}'
  case $body in
    *'"text":"'$calls'"'*) printf '  call %d on replica %s: counted %d\n' "$calls" "$served" "$calls" ;;
    *) fail "call $calls has the answer: $body" ;;
  esac
}

greeting='{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'
post "$greeting"
session=$(header mcp-session-id)
printf 'session %s, opened on replica %s\n' "$session" "$served"
post '{"jsonrpc":"2.0","method":"notifications/initialized"}'
for _ in 1 2 3; do call; done

victim=$served
printf 'kill -KILL replica %s\n' "$victim"
kill -KILL "${pid_of[$victim]}"
for _ in 1 2 3 4; do
  call
  [ "$served" != "$victim" ] || fail "a dead replica answered"
done
printf 'The session went on, and no call ran twice.\n'

if [ -n "$stay" ]; then
  printf '\nThe fleet is running behind %s; Ctrl-C stops it.\n' "$url"
  # A wait can be interrupted, a sleep in the foreground cannot.
  while :; do
    sleep 3600 &
    started+=($!)
    wait $! || true
  done
fi
