#!/bin/sh
# packages.sh build|tls|test|conformance ...
#
# Installs the Debian packages that are missing for the named purposes. Says
# nothing when all are there; otherwise says what it runs, with sudo unless
# run by root.
set -eu

wanted=
for purpose in "$@"; do
  case $purpose in
    build) wanted="$wanted git ca-certificates libssl-dev libhiredis-dev zlib1g-dev" ;;
    tls) wanted="$wanted openssl" ;;
    test) wanted="$wanted python3 python3-venv nodejs node-ws chromium curl openssl
      libssl3 slowhttptest haproxy" ;;
    conformance) wanted="$wanted openssl python3 python3-venv python3-lib2to3" ;;
    *)
      echo "usage: $0 build|tls|test|conformance ..." >&2
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "packages: this is not a Debian system; please provide:$wanted" >&2
  exit 0
fi

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  case "$state $missing " in
    installed* | *" $package "*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "packages: not installed, and there is no sudo; as root, run:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
  sudo="sudo "
fi

# $sudo and $missing are words to be split.
# shellcheck disable=SC2086
{
  echo "packages: ${sudo}apt-get install --no-install-recommends$missing"
  ${sudo}apt-get update -qq
  ${sudo}env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing
}
