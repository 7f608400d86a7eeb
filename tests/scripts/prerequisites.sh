# Sourced by tests/run: what must be on the machine, and the official clients in the user's cache.

# Whether venvs can be made; Debian ships python3 without the module for it.
python_is_complete() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

missing_packages() {
  local missing=()
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  command -v curl >/dev/null || missing+=(curl)
  command -v git >/dev/null || missing+=(git)
  command -v cc >/dev/null || missing+=(gcc)
  # A compiler without the C library's headers links nothing.
  printf '#include <stdlib.h>\n' | cc -E - >/dev/null 2>&1 || missing+=(libc6-dev)
  python_is_complete || missing+=(python3 python3-venv)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  # Tests of TLS make their certificates with it.
  command -v openssl >/dev/null || missing+=(openssl)
  [ "${#missing[@]}" -eq 0 ] || printf '%s\n' "${missing[@]}"
}

install_packages() {
  local packages=() as_root=()
  mapfile -t packages < <(missing_packages)
  [ "${#packages[@]}" -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    printf 'missing on this machine (Debian package names): %s\n' "${packages[*]}" >&2
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      printf 'run this first, as root:\n  apt-get update && apt-get install -y %s\n' "${packages[*]}" >&2
      return 1
    fi
    as_root=(sudo -n)
  fi
  printf 'installing %s\n' "${packages[*]}"
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# The servers that tests start for themselves.
install_services() {
  local services=()
  mapfile -t services < <(tests/scripts/services.sh missing)
  [ "${#services[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    printf 'run this first, as root:\n  tests/scripts/services.sh install %s\n' "${services[*]}" >&2
    return 1
  fi
  tests/scripts/services.sh install "${services[@]}"
}

require_rust() {
  command -v cargo >/dev/null || PATH=$PATH:$HOME/.cargo/bin
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! cargo --version >/dev/null 2>&1; then
    printf 'cargo is missing: install Rust %s or newer with rustfmt and clippy, for example by rustup\n' "$wanted" >&2
    return 1
  fi
  local part
  for part in fmt clippy; do
    cargo "$part" --version >/dev/null 2>&1 && continue
    printf 'cargo %s is missing: install the components rustfmt and clippy of Rust %s\n' "$part" "$wanted" >&2
    return 1
  done
}

# The official clients; where they are is written to a file, as shell assignments.
prepare_clients() {
  tests/scripts/node.sh >"$clients"
}
