#!/bin/sh
# docs.sh BINARY
#
# Writes the reference of all options, which the binary prints, into
# docs/configuration.md, between its two marks.
set -eu
binary=$1
cd "$(dirname "$0")/../.."
document=docs/configuration.md
# Otherwise what stands between the marks would be lost with them.
for mark in begin end; do
  grep -q "^<!-- $mark of what 'make docs' writes -->\$" "$document" || {
    echo "docs: $document has no mark for the $mark" >&2
    exit 1
  }
done
reference=$("$binary" config reference)
{
  sed "/^<!-- begin of what 'make docs' writes -->\$/q" "$document"
  printf '\n%s\n\n' "$reference"
  sed -n "/^<!-- end of what 'make docs' writes -->\$/,\$p" "$document"
} >"$document.new"
mv "$document.new" "$document"
