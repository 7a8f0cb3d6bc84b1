#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages listed in utils/deps.txt that are not installed yet. `make deps` calls it.
# Where nothing is missing it needs neither root nor network.
set -euo pipefail
list=$(dirname "$0")/deps.txt

wanted=$(sed -e 's/#.*//' "$list" | awk 'NF { print $1 }')
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-deps: no apt-get here. Install these Debian packages, or what your system calls them:" >&2
  sed -e '/^#/d' -e 's/^/  /' "$list" >&2
  exit 1
fi

missing=()
for package in $wanted; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "install-deps: all packages of $list are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-deps: these packages are missing, and installing them needs root or sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "install-deps: installing ${missing[*]} (a few minutes)"
# Old package lists name files that the mirror no longer has, so they are renewed first. A broken third-party
# list must not stop us: what matters is whether the install succeeds.
"${as_root[@]}" apt-get update -qq || echo "install-deps: apt-get update failed; going on with the lists there are" >&2
# A new machine may be installing its updates: their lock is waited for.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null || {
  echo "install-deps: apt-get could not install: ${missing[*]}" >&2
  echo "  On Ubuntu, the 'universe' section must be enabled: add-apt-repository universe" >&2
  exit 1
}
echo "install-deps: done"
