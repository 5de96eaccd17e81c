#!/bin/sh
# Makes .cache/clients, a virtual environment with what Tests/Clients needs,
# and makes it again when the requirements change.
set -eu
cd "$(dirname "$0")/../.."

requirements=Tests/Clients/requirements.txt
venv=.cache/clients
stamp=$venv/.requirements.txt

if cmp -s "$requirements" "$stamp"; then exit 0; fi

# Debian's own interpreter: another one, first on the path, may lack a package
# or be of a version that the pinned ones don't support.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$stamp"
