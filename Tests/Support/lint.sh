#!/bin/sh
# lint.sh SWIFT_SOURCE...
#
# Formatting of the Swift sources; the shell scripts, where shellcheck is there.
set -eu
cd "$(dirname "$0")/../.."

swift format lint --strict --parallel -r "$@"

if command -v shellcheck >/dev/null 2>&1; then
  shellcheck .ci/run Tests/*/*.sh
else
  echo "lint: shellcheck is not installed; shell scripts are not checked" >&2
fi
