#!/usr/bin/env bash
# Installs the servers that tests start for themselves. Nothing is enabled, started or left running.
#
#   tests/scripts/services.sh install NAME...   installs what is missing or too old (as root, or with sudo)
#   tests/scripts/services.sh missing           prints the names of what is missing or too old
#
# names: redis
set -euo pipefail

services=(redis)
redis_oldest=7.0.0
programs=/usr/local/bin

version_of() {
  case $1 in
    redis) redis-server --version 2>/dev/null | sed -n 's/.*v=\([0-9.]*\).*/\1/p' ;;
  esac
}

oldest_of() {
  case $1 in
    redis) printf '%s' "$redis_oldest" ;;
  esac
}

is_there() {
  local version
  version=$(version_of "$1") || return 1
  [ -n "$version" ] && [ "$(printf '%s\n' "$(oldest_of "$1")" "$version" | sort -V | head -n 1)" = "$(oldest_of "$1")" ]
}

missing() {
  local service
  for service in "${services[@]}"; do
    is_there "$service" || printf '%s\n' "$service"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Nothing that a package brings is started while it is installed.
without_starting() {
  local policy=/usr/sbin/policy-rc.d made= status=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made=1
  fi
  "$@" || status=$?
  [ -z "$made" ] || as_root rm -f "$policy"
  return "$status"
}

apt_install() {
  command -v apt-get >/dev/null || {
    printf 'without apt-get, install %s yourself\n' "$*" >&2
    return 1
  }
  as_root apt-get update -qq
  without_starting as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian's redis-tools holds the server too: one program that looks at the name it is called by. Taking only that
# leaves no unit, no user and no running server behind.
install_redis() {
  apt_install redis-tools
  is_there redis && return
  local program=/usr/bin/redis-check-rdb
  [ -x "$program" ] || {
    printf 'the package redis-tools has no %s\n' "$program" >&2
    return 1
  }
  as_root mkdir -p "$programs"
  as_root ln -sf "$program" "$programs/redis-server"
}

# Two runs that install at the same time would take each other's half-installed packages for whole ones, and the one that
# ends first would remove the policy of the other.
lock() {
  command -v flock >/dev/null || return 0
  local file=${TMPDIR:-/tmp}/mcpg-services.lock
  exec 9>>"$file" || return 0
  chmod 666 "$file" 2>/dev/null || true
  flock 9
}

install() {
  local service
  lock
  for service; do
    case " ${services[*]} " in
      *" $service "*) ;;
      *) printf 'unknown service: %s (known: %s)\n' "$service" "${services[*]}" >&2; return 2 ;;
    esac
    is_there "$service" && continue
    printf 'installing %s\n' "$service"
    "install_$service"
    is_there "$service" || {
      printf '%s is still missing or older than %s\n' "$service" "$(oldest_of "$service")" >&2
      return 1
    }
  done
}

case "${1:-}" in
  install) shift; install "$@" ;;
  missing) missing ;;
  *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
