# What run.sh and run-client.sh share; sourced by them, with their arguments.
#
# Sets here, root, cache, tls, sections and work; work is empty. Whoever starts a
# process in the background puts its pid into server, and it ends with the script.
# shellcheck shell=bash
# shellcheck disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache/autobahn

tls=
if [ "${1:-}" = --tls ]; then
  tls=1
  shift
fi

case ${1:-} in
  quick | "") sections=(1 2 3 4 5 6 7 9 10) ;;
  *) sections=("$@") ;;
esac

server=

cleanup() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# begin NAME: prepares the suite, and an empty .cache/NAME.
begin() {
  "$here/setup.sh"
  work=$root/.cache/$1${tls:+-tls}
  rm -rf "$work"
  mkdir -p "$work"
}

fail() {
  echo "conformance: $*" >&2
  if [ -s "$work/server.stderr" ]; then
    echo "--- what the server wrote to stderr:" >&2
    tail -n 40 "$work/server.stderr" >&2
  fi
  exit 1
}

# stop_server NAME STATUS: with SIGTERM; expects that exit status.
stop_server() {
  local status=0 deadline=$((SECONDS + 20))
  kill -TERM "$server" 2>/dev/null || fail "$1 ended during the tests"
  while kill -0 "$server" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || fail "$1 did not end after SIGTERM"
    sleep 0.05
  done
  wait "$server" || status=$?
  server=
  [ $status -eq "$2" ] || fail "the exit status of $1 after SIGTERM was $status"
}

# make_certificate: sets certificate and key, for 127.0.0.1.
make_certificate() {
  "$root/Tests/Support/certificate.sh" "$root/.cache/tls"
  certificate=$root/.cache/tls/certificate.pem
  key=$root/.cache/tls/key.pem
}

# write_spec LINE...: what the suite is to do, with the sections.
write_spec() {
  local cases
  cases=$(printf '"%s.*",' "${sections[@]}")
  {
    echo '{'
    printf '  %s,\n' "$@"
    cat <<END
  "outdir": "$work/report",
  "cases": [${cases%,}],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
END
  } >"$work/spec.json"
}

judge() {
  "$cache/bin/python" "$here/summarize.py" "$work/report/index.json" \
    --spec "$work/spec.json" ||
    fail "not conformant; a page for each case: $work/report/index.html"
}
