#!/bin/sh
# Makes .cache/autobahn with the Autobahn WebSocket test suite: wstest, to be
# run as fuzzing client (against a server) or fuzzing server (against a client).
#
# The suite on PyPI is written in Python 2; port_autobahn.py converts it after
# the installation. lib2to3 is needed for that, so a Python before 3.13:
# Debian's own, with python3-venv and python3-lib2to3.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$here/../../.cache/autobahn
stamp=$venv/.made-from

made_from() { cat "$here/requirements.txt" "$here/port_autobahn.py"; }
if made_from | cmp -s - "$stamp"; then exit 0; fi

python=/usr/bin/python3
[ -x "$python" ] || python=python3

rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
"$python" -m venv "$venv"
# --no-compile: Python 2 sources do not compile before the conversion.
"$venv/bin/pip" install -qq --disable-pip-version-check --no-compile \
  -r "$here/requirements.txt"
"$venv/bin/python" "$here/port_autobahn.py"
made_from >"$stamp"
