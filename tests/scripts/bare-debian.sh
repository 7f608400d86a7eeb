#!/usr/bin/env bash
# Runs tests/run in an empty Debian root file system that has nothing but Rust, to show that what it installs is enough.
#
#   tests/scripts/bare-debian.sh FOLDER [COMMAND]
#
# FOLDER becomes the root file system (made by mmdebstrap when it is empty); needs root. The commit that HEAD names
# is cloned into it, and the machine's own Rust toolchain and package sources are made visible in it. COMMAND is
# what runs in the clone, tests/run when it is left out.
set -euo pipefail

if [ $# -lt 1 ] || [ "$(id -u)" -ne 0 ]; then
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
command=${2:-tests/run}
mkdir -p "$1"
root=$(cd "$1" && pwd)
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")

if [ ! -e "$root/etc/debian_version" ]; then
  command -v mmdebstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq mmdebstrap >/dev/null; }
  # Without a mirror argument mmdebstrap would write one of its own; the machine's sources are used as they are.
  sources=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -s "$file" ] || sources+=("$file")
  done
  mmdebstrap --variant=minbase --include=git,ca-certificates "$suite" "$root" "${sources[@]}"
fi

mounted=()
finish() {
  for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do umount -l "${mounted[at]}" || true; done
}
trap finish EXIT
show() { # SOURCE TARGET [options]
  mkdir -p "$root$2"
  mount --bind ${3:+-o "$3"} "$1" "$root$2"
  mounted+=("$root$2")
}
mount -t proc proc "$root/proc"
mounted+=("$root/proc")
show /dev /dev
show "${RUSTUP_HOME:-$HOME/.rustup}" /opt/rustup ro
show "${CARGO_HOME:-$HOME/.cargo}/bin" /opt/cargo/bin ro
for file in /etc/resolv.conf /etc/hosts; do cp -L "$file" "$root$file"; done
# How this machine reaches its package registries, where that is configured.
for file in /etc/pip.conf /etc/npmrc "$HOME/.npmrc" "$HOME/.config/pip/pip.conf" "${CARGO_HOME:-$HOME/.cargo}/config.toml"; do
  [ -e "$file" ] || continue
  target=$file
  [ "$file" != "${CARGO_HOME:-$HOME/.cargo}/config.toml" ] || target=/opt/cargo/config.toml
  mkdir -p "$root$(dirname "$target")"
  cp -L "$file" "$root$target"
done
cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"

rm -rf "$root/root/mcpg"
git clone --quiet "$repository" "$root/root/mcpg"
chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 CI="${CI:-}" \
  PATH=/opt/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  RUSTUP_HOME=/opt/rustup CARGO_HOME=/root/.cargo RUSTUP_AUTO_INSTALL=0 \
  bash -c "cd /root/mcpg && $command"
