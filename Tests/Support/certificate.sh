#!/bin/sh
# certificate.sh DIRECTORY
#
# Makes DIRECTORY/certificate.pem and key.pem, a self-signed certificate for
# localhost, 127.0.0.1 and ::1, unless they are there and valid for another day.
# For trying TLS and for tests: nobody trusts it who isn't told to.
set -eu
directory=${1:?usage: certificate.sh DIRECTORY}
certificate=$directory/certificate.pem
key=$directory/key.pem

if [ -f "$key" ] && [ -f "$certificate" ] &&
  openssl x509 -in "$certificate" -noout -checkend 86400 >/dev/null 2>&1; then
  exit 0
fi

# The key is readable for its owner only, from the beginning.
umask 077
mkdir -p "$directory"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 \
  -days 90 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 \
  -addext basicConstraints=critical,CA:FALSE \
  -addext extendedKeyUsage=serverAuth \
  -keyout "$key.new" -out "$certificate.new" 2>"$directory/openssl.log" || {
  cat "$directory/openssl.log" >&2
  exit 1
}
mv "$key.new" "$key"
mv "$certificate.new" "$certificate"
