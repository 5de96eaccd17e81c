#!/bin/bash
# run-client.sh [--tls] [quick | SECTION...]
#
# Runs the client half of the engine (Tests/ConformanceClient) through Autobahn's
# fuzzing server and judges the result strictly. The sections are those of run.sh.
# With --tls, over wss://, where the client verifies the server's certificate.
#
# CONFORMANCE_CLIENT=PATH  the client to test instead of
#                          .build/release/ConformanceClient
set -euo pipefail
# shellcheck source=Tests/Conformance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
client=${CONFORMANCE_CLIENT:-$root/.build/release/ConformanceClient}
# Far more than the cases take; for a client that waits forever.
seconds_max=900

# A port that was free a moment ago: the suite takes no 0.
free_port() {
  "$cache/bin/python" -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as server: print(server.getsockname()[1])'
}

# Sets server once it takes connections.
start_suite() {
  (cd "$work" && exec "$cache/bin/wstest" -m fuzzingserver --webport 0 -s spec.json) \
    >"$work/wstest.log" 2>&1 &
  server=$!
  local deadline=$((SECONDS + 30))
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || fail_suite "the test suite ended at once"
    [ $SECONDS -lt $deadline ] || fail_suite "the test suite does not listen on $port"
    sleep 0.05
  done
}

fail_suite() {
  tail -n 40 "$work/wstest.log" >&2
  fail "$*; see $work/wstest.log"
}

begin conformance-client
[ -x "$client" ] ||
  fail "$client is not there; build it with 'swift build -c release --product ConformanceClient'"
port=$(free_port)
url=ws${tls:+s}://127.0.0.1:$port
lines=("\"url\": \"$url\"")
arguments=("$url" sluice-client)
if [ -n "$tls" ]; then
  make_certificate
  lines+=("\"key\": \"$key\"" "\"cert\": \"$certificate\"")
  arguments+=("$certificate")
fi
write_spec "${lines[@]}"
start_suite

echo "conformance: sections ${sections[*]} for $client at $url"
timeout "$seconds_max" "$client" "${arguments[@]}" ||
  fail_suite "the client has not come through; its exit status was $?"
stop_server "the test suite" 0
judge
