#!/bin/sh
# Builds the release binary, .build/release/sluice, that needs no Swift runtime
# where it is deployed.
set -eu
cd "$(dirname "$0")/../.."
exec swift build -c release --static-swift-stdlib --product sluice
