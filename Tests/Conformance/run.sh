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
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache/autobahn
binary=${SLUICE_BINARY:-$root/.build/release/sluice}

tls=
if [ "${1:-}" = --tls ]; then
  tls=1
  shift
fi

case ${1:-} in
  quick | "") sections=(1 2 3 4 5 6 7 9 10) ;;
  *) sections=("$@") ;;
esac

work=$root/.cache/conformance${tls:+-tls}
# 9.3.1 and 9.4.1 are 4 MiB in frames of 64 bytes, and an empty last one.
flags=(--max-message-size 16MiB --max-fragments 65537)
server=

cleanup() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
  echo "conformance: $*" >&2
  if [ -s "$work/server.stderr" ]; then
    echo "--- what the server wrote to stderr:" >&2
    tail -n 40 "$work/server.stderr" >&2
  fi
  exit 1
}

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

stop_server() {
  local status=0 deadline=$((SECONDS + 20))
  kill -TERM "$server" 2>/dev/null || fail "the server ended during the tests"
  while kill -0 "$server" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || fail "the server did not end after SIGTERM"
    sleep 0.05
  done
  wait "$server" || status=$?
  server=
  [ $status -eq 0 ] || fail "the server's exit status after SIGTERM was $status"
}

"$here/setup.sh"
rm -rf "$work"
mkdir -p "$work"
if [ -n "${SLUICE_URL:-}" ]; then
  url=$SLUICE_URL
else
  [ -x "$binary" ] || fail "$binary is not there; run 'make build' first"
  if [ -n "$tls" ]; then
    "$root/Tests/Support/certificate.sh" "$root/.cache/tls"
    flags+=(--tls-certificate "$root/.cache/tls/certificate.pem")
    flags+=(--tls-key "$root/.cache/tls/key.pem")
  fi
  start_server
  # Otherwise a server that has ignored the certificate would pass.
  [ -z "$tls" ] || [[ $url == wss://* ]] || fail "the server does not speak TLS: $url"
fi

cases=$(printf '"%s.*",' "${sections[@]}")
cat >"$work/spec.json" <<END
{
  "outdir": "$work/report",
  "servers": [{"agent": "sluice", "url": "$url"}],
  "cases": [${cases%,}],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
END

echo "conformance: sections ${sections[*]} against $url"
(cd "$work" && "$cache/bin/wstest" -m fuzzingclient -s spec.json >wstest.log 2>&1) || {
  tail -n 40 "$work/wstest.log" >&2
  fail "the test suite itself failed; see $work/wstest.log"
}
if [ -n "$server" ]; then stop_server; fi

"$cache/bin/python" "$here/summarize.py" "$work/report/index.json" \
  --spec "$work/spec.json" ||
  fail "not conformant; a page for each case: $work/report/index.html"
