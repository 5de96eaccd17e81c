#!/bin/sh
# build.sh [PRODUCT]
#
# Builds the release binary, .build/release/sluice, or another product's, that needs
# no Swift runtime where it is deployed.
set -eu
cd "$(dirname "$0")/../.."
exec swift build -c release --static-swift-stdlib --product "${1:-sluice}"
