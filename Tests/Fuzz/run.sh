#!/bin/bash
# run.sh [TARGET ...]
#
# Fuzzes the protocol cores with libFuzzer and AddressSanitizer: builds each
# target of Targets/ into .cache/fuzz, replays regressions/TARGET/* and the seeds
# of corpus/TARGET.txt, then searches for FUZZ_SECONDS (60) per target,
# FUZZ_JOBS (2) at a time, from what earlier runs have found.
#
# Prints a table, and where the input of each finding lies; exits 1 when there
# is one. A finding that is fixed goes into regressions/TARGET/.
#
# corpus/TARGET.txt has one seed on a line, with the escapes of printf's %b;
# empty lines and those that begin with # are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-60}
jobs_max=${FUZZ_JOBS:-2}
source=Tests/Fuzz
cache=.cache/fuzz

if [ $# -gt 0 ]; then
  targets=("$@")
elif [ -n "${FUZZ_TARGETS:-}" ]; then
  read -ra targets <<<"$FUZZ_TARGETS"
else
  targets=("$source"/Targets/*.swift)
fi
targets=("${targets[@]##*/}")
targets=("${targets[@]%.swift}")
for target in "${targets[@]}"; do
  if [ ! -f "$source/Targets/$target.swift" ]; then
    echo "fuzz: no target $target; there are:" "$(cd "$source/Targets" && echo *.swift)" >&2
    exit 2
  fi
done

# libFuzzer handles the trap: Swift's own handler would take it away, and hang
# within AddressSanitizer.
export SWIFT_BACKTRACE=enable=no

# --- Building ---

# The commas are the compiler's.
# shellcheck disable=SC2054
flags=(
  -swift-version 6 -strict-memory-safety -package-name sluice -parse-as-library
  -O -wmo -gline-tables-only -sanitize=fuzzer,address -use-ld=lld -I "$cache/modules"
)
if [ -n "${CI:-}" ]; then flags+=(-warnings-as-errors); fi
while read -r kind feature; do
  flags+=("-enable-$kind-feature" "$feature")
done < <(sed -nE 's/.*\.enable(Upcoming|Experimental)Feature\("(\w+)"\).*/\L\1\E \2/p' Package.swift)

# stale OUTPUT INPUT...
stale() {
  local output=$1
  shift
  [ ! -e "$output" ] || [ -n "$(find "$@" -newer "$output" -print -quit)" ]
}

# In the order of their dependencies. Of WebSocketClient, what does no I/O.
modules=(HTTPCore WebSocketCore WebSocketClient)
objects=()

sources_of() {
  case $1 in
    WebSocketClient) echo "Sources/$1"/{Backoff,WebSocketURL}.swift ;;
    *) echo "Sources/$1"/*.swift ;;
  esac
}

build_modules() {
  local module object sources
  mkdir -p "$cache/modules" "$cache/targets"
  for module in "${modules[@]}"; do
    object=$cache/modules/$module.o
    read -ra sources <<<"$(sources_of "$module")"
    if stale "$object" "Sources/$module" "$source/run.sh" Package.swift "${objects[@]}"; then
      echo "fuzz: building $module"
      swiftc "${flags[@]}" -module-name "$module" -emit-module \
        -emit-module-path "$cache/modules/$module.swiftmodule" \
        -c "${sources[@]}" -o "$object"
    fi
    objects+=("$object")
  done
}

build_target() {
  local binary=$cache/targets/$1
  if stale "$binary" "$source/Targets/$1.swift" "$source/Support" "${objects[@]}"; then
    echo "fuzz: building $1"
    swiftc "${flags[@]}" -module-name "Fuzz$1" \
      "$source/Targets/$1.swift" "$source/Support"/*.swift "${objects[@]}" -o "$binary.new"
    mv "$binary.new" "$binary"
  fi
}

# --- Running ---

write_seeds() {
  local target=$1 number=0 line
  rm -rf "$cache/seeds/$target"
  mkdir -p "$cache/seeds/$target"
  [ -f "$source/corpus/$target.txt" ] || return 0
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    number=$((number + 1))
    printf '%b' "$line" >"$cache/seeds/$target/$number"
  done <"$source/corpus/$target.txt"
}

# Leaves the exit status in result/TARGET: 0, or that of a finding.
run_target() {
  local target=$1 status=0 known
  local log=$cache/log/$target
  local limits=(-timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64)
  mkdir -p "$cache/found/$target" "$cache/findings/$target"
  rm -f "$cache/findings/$target"/*
  limits+=("-artifact_prefix=$cache/findings/$target/")
  write_seeds "$target"

  : >"$log"
  for known in "$source/regressions/$target"/* "$cache/seeds/$target"/*; do
    [ -f "$known" ] || continue
    if ! "$cache/targets/$target" "${limits[@]}" "$known" >>"$log" 2>&1; then
      cp "$known" "$cache/findings/$target/"
      status=1
    fi
  done
  if [ $status -eq 0 ] && [ "$seconds" -gt 0 ]; then
    timeout $((seconds + 60)) "$cache/targets/$target" "${limits[@]}" \
      "-max_total_time=$seconds" -max_len=4096 -print_final_stats=1 \
      "$cache/found/$target" "$cache/seeds/$target" >>"$log" 2>&1 || status=$?
  fi
  echo $status >"$cache/result/$target"
}

report() {
  local target=$1 log=$cache/log/$1 status findings
  local executions coverage edges
  status=$(cat "$cache/result/$target" 2>/dev/null || echo 1)
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  edges=$(sed -nE 's/.*Loaded [0-9]+ modules +\(([0-9]+) inline.*/\1/p' "$log" | tail -1)
  coverage=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -1)
  findings=$(find "$cache/findings/$target" -type f | wc -l)
  # One that left no input is a finding all the same.
  if [ "$status" -ne 0 ] && [ "$findings" -eq 0 ]; then findings=1; fi
  printf '%-16s %12s %9s %14s %9s\n' "$target" "${executions:--}" \
    "$((${executions:-0} / (seconds > 0 ? seconds : 1)))" "${coverage:--} / ${edges:--}" "$findings"
  [ "$findings" -eq 0 ]
}

explain() {
  local target=$1 input
  {
    echo
    echo "$target:"
    grep -aE -m 5 'Fatal error|ERROR: |SUMMARY: ' "$cache/log/$target" | sed 's/^/  /'
    for input in "$cache/findings/$target"/*; do
      if [ -f "$input" ]; then echo "  input: $input"; fi
    done
    echo "  log:   $cache/log/$target"
    echo "  again: SWIFT_BACKTRACE=enable=no $cache/targets/$target INPUT"
  } >&2
}

build_modules
for target in "${targets[@]}"; do
  build_target "$target"
done

echo "fuzz: ${#targets[@]} targets, $seconds s each, $jobs_max at a time"
rm -rf "$cache/result"
mkdir -p "$cache/log" "$cache/result"
for target in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs_max" ]; do wait -n || true; done
  run_target "$target" &
done
wait

printf '\n%-16s %12s %9s %14s %9s\n' target executions per-sec 'edges' findings
failed=()
for target in "${targets[@]}"; do
  report "$target" || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
  for target in "${failed[@]}"; do explain "$target"; done
  exit 1
fi
