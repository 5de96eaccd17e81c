#!/bin/sh
# sanitize.sh address|thread [FLAG OF swift test ...]
#
# The Swift tests under AddressSanitizer or ThreadSanitizer,
# each with a build of its own. Tests that expect a process to trap run too: the
# trap ends the process as it should.
set -eu
cd "$(dirname "$0")/../.."

sanitizer=$1
shift
case $sanitizer in
  address) scratch=.build-asan ;;
  thread)
    scratch=.build-tsan
    # The toolchain's own linker, whatever the system has.
    set -- -Xswiftc -use-ld=lld "$@"
    ;;
  *)
    echo "usage: $0 address|thread [FLAG ...]" >&2
    exit 2
    ;;
esac

# Swift's handler of crashes hangs within a sanitizer.
export SWIFT_BACKTRACE=enable=no
# The tests that measure the process's memory are skipped then.
export SLUICE_SANITIZER="$sanitizer"
exec swift test --disable-xctest "--sanitize=$sanitizer" --scratch-path "$scratch" "$@"
