#!/bin/bash
# Runs every test and fails when any part fails; later parts run all the same,
# so that one run shows everything.
#
# SLUICE_BINARY=PATH tests that binary instead of building one.
set -u
cd "$(dirname "$0")/../.." || exit

failed=()

section() { printf '\n=== %s ===\n\n' "$1"; }

part() {
  local name=$1 start=$SECONDS
  shift
  section "$name"
  if "$@"; then
    echo "--- $name: passed in $((SECONDS - start)) s"
  else
    echo "--- $name: FAILED after $((SECONDS - start)) s"
    failed+=("$name")
  fi
}

required() {
  part "$@"
  if [ ${#failed[@]} -gt 0 ]; then exit 1; fi
}

prepare() {
  Tests/Support/packages.sh build test conformance &&
    Tests/Support/venv.sh &&
    Tests/Conformance/setup.sh
}

clients() {
  .cache/clients/bin/python -m pytest Tests/Clients
}

required "Preparing the tools" prepare
if [ -z "${SLUICE_BINARY:-}" ]; then
  required "Release binary" Tests/Support/build.sh
fi
required "Conformance client" Tests/Support/build.sh ConformanceClient

part "Swift tests" swift test --disable-xctest
part "WebSocket and HTTP clients, browser" clients
part "Conformance, quick sections" Tests/Conformance/run.sh quick
part "Conformance over TLS, quick sections" Tests/Conformance/run.sh --tls quick
part "Conformance of the client, quick sections" Tests/Conformance/run-client.sh quick
part "Conformance of the client over TLS, quick sections" \
  Tests/Conformance/run-client.sh --tls quick

section "Result"
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "all passed in $SECONDS s"
