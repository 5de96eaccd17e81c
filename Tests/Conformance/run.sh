#!/bin/bash
# run.sh [--tls] [quick | SECTION...]
#
# Runs Autobahn's fuzzing client against /echo of the release binary and judges
# the result strictly. "quick" is for every test run; without an argument, all
# sections that apply: 12 and 13 test compression. With --tls, over wss://.
#
# SLUICE_BINARY=PATH  the binary to test instead of .build/release/sluice
# SLUICE_URL=URL      a server that already runs instead (an echo that takes
#                     messages of 16 MiB and 65537 fragments)
set -euo pipefail
# shellcheck source=Tests/Conformance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
binary=${SLUICE_BINARY:-$root/.build/release/sluice}
# 9.3.1 and 9.4.1 are 4 MiB in frames of 64 bytes, and an empty last one.
flags=(--max-message-size 16MiB --max-fragments 65537)

# Sets url once the server says where it listens.
start_server() {
  env -u SLUICE_BINARY "$binary" serve --listen 127.0.0.1:0 "${flags[@]}" \
    >"$work/server.stdout" 2>"$work/server.stderr" &
  server=$!
  local deadline=$((SECONDS + 10))
  until url=$(sed -n 's|^sluice: listening on http\(s\{0,1\}\)://\([^/ ]*\)/.*|ws\1://\2/echo|p' \
    "$work/server.stdout") && [ -n "$url" ]; do
    kill -0 "$server" 2>/dev/null || fail "$binary ended at once"
    [ $SECONDS -lt $deadline ] || fail "$binary did not say that it listens"
    sleep 0.05
  done
}

begin conformance
if [ -n "${SLUICE_URL:-}" ]; then
  url=$SLUICE_URL
else
  [ -x "$binary" ] || fail "$binary is not there; run 'make build' first"
  if [ -n "$tls" ]; then
    make_certificate
    flags+=(--tls-certificate "$certificate" --tls-key "$key")
  fi
  start_server
  # Otherwise a server that has ignored the certificate would pass.
  [ -z "$tls" ] || [[ $url == wss://* ]] || fail "the server does not speak TLS: $url"
fi

write_spec "\"servers\": [{\"agent\": \"sluice\", \"url\": \"$url\"}]"
echo "conformance: sections ${sections[*]} against $url"
(cd "$work" && "$cache/bin/wstest" -m fuzzingclient -s spec.json >wstest.log 2>&1) || {
  tail -n 40 "$work/wstest.log" >&2
  fail "the test suite itself failed; see $work/wstest.log"
}
if [ -n "$server" ]; then stop_server "the server" 0; fi
judge
