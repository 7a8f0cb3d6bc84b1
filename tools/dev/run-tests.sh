#!/usr/bin/env bash
# run-tests.sh [--unit] BUILD [PATTERN...]: runs the unit tests under BUILD/tests and the shell tests tests/cli/*.sh
# (with BUILD/bin on PATH) on all cores; with PATTERNs only those whose name contains one of them; with --unit only
# the unit tests. Prints the log of each failure and why each test was skipped. The last line counts gtest cases and
# shell checks; the exit status is 0 only if nothing failed. GTEST_FILTER is obeyed. Logs: BUILD/test-logs.
set -uo pipefail

# --one NAME: runs one test; its last log line becomes "counts PASSED FAILED SKIPPED SECONDS".
run_one() {
  local name=$1 log=$BUILD/test-logs/${1//\//-}.log status=0 begin=$EPOCHREALTIME end counts
  if [[ $name == *.sh ]]; then
    # Started in the background we ignore Ctrl-C, and so would what the tests interrupt.
    local start=()
    if env --default-signal=INT true 2>/dev/null; then start=(env --default-signal=INT); fi
    (timeout -k 10 "$TEST_TIMEOUT" "${start[@]}" bash "$name" || exit $?) >"$log" 2>&1 </dev/null || status=$?
    counts=$(sed -nE 's/^cli: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
  else
    (timeout -k 10 "$TEST_TIMEOUT" "$BUILD/$name" --gtest_color=no || exit $?) >"$log" 2>&1 </dev/null || status=$?
    counts=$(awk '/^\[       OK \] .* ms\)$/ { p++ } /^\[  FAILED  \] .* ms\)$/ { f++ } /^\[  SKIPPED \] .* ms\)$/ { s++ }
                  /^\[==========\] .* ran\./ { whole = 1 }
                  END { if (whole) print p + 0, f + 0, s + 0; else print p + 0, f + 0, s + 0, "cut short" }' "$log")
  fi
  local passed=0 failed=0 skipped=0 cut=
  [ -z "$counts" ] || read -r passed failed skipped cut <<<"$counts"
  local died=
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    died="was killed, after the limit of $TEST_TIMEOUT s or for want of memory"
  elif [ "$status" -gt 128 ]; then
    died="died of signal $((status - 128))"
  elif [ -z "$counts" ] || [ -n "$cut" ]; then
    died="ended with status $status before it had counted its tests"
  elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    died="ended with status $status though no test failed"
  elif [ $((passed + failed + skipped)) -eq 0 ] && [ -z "${GTEST_FILTER:-}" ]; then
    died="holds no test"
  fi
  if [ -n "$died" ]; then
    echo "FAIL $name $died" >>"$log"
    failed=$((failed + 1))
  fi
  end=$EPOCHREALTIME
  local ms=$(((${end/./} - ${begin/./}) / 1000))
  echo "counts $passed $failed $skipped $ms" >>"$log"
  local word=ok
  [ "$failed" -eq 0 ] || word=FAILED
  printf '  %-6s %-44s %4d passed%s%s  %d.%01d s\n' "$word" "$name" "$passed" \
    "$([ "$failed" -eq 0 ] || echo ", $failed failed")" "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" \
    $((ms / 1000)) $((ms % 1000 / 100))
}

if [ "${1:-}" = --one ]; then
  run_one "$2"
  exit 0
fi

unit_only=
if [ "${1:-}" = --unit ]; then
  unit_only=yes
  shift
fi
if [ $# -lt 1 ]; then
  echo "Usage: tools/dev/run-tests.sh [--unit] BUILD [PATTERN...]" >&2
  exit 2
fi
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "$1") || exit 1
shift
export BUILD TEST_TIMEOUT=${TEST_TIMEOUT:-1200} PATH=$BUILD/bin:$PATH
# Tests run beside each other, so each has one thread for matrix products.
export OPENBLAS_NUM_THREADS=1

# Binaries whose source is gone stay in the build directory; they are not run.
names=()
for source in tests/*/*-test.cc; do
  # Those of the emulated GPU are built with it only (make CUDA=emulated).
  if [[ $source == */cuda-* && ! -e $BUILD/${source%.cc} ]]; then continue; fi
  [ -e "$source" ] && names+=("${source%.cc}")
done
if [ -z "$unit_only" ]; then
  for script in tests/cli/*.sh; do [ -e "$script" ] && names+=("$script"); done
fi
if [ $# -gt 0 ]; then
  chosen=()
  for name in "${names[@]}"; do
    for pattern in "$@"; do
      if [[ $name == *"$pattern"* ]]; then
        chosen+=("$name")
        break
      fi
    done
  done
  names=("${chosen[@]}")
fi
[ ${#names[@]} -gt 0 ] || {
  echo "run-tests: no test matches" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

rm -rf "$BUILD/test-logs"
mkdir -p "$BUILD/test-logs"
# Long tests first, so that no core idles at the end: shell tests take longest.
printf '%s\0' "${names[@]}" | sort -z -t. -k2r,2 -k1,1 | xargs -0 -P "$(nproc)" -n 1 "$PWD/tools/dev/run-tests.sh" --one

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
  log=$BUILD/test-logs/${name//\//-}.log
  line=$(tail -n 1 "$log" 2>/dev/null)
  if [[ $line != "counts "* ]]; then
    echo "run-tests: $name has not been run to its end" >&2
    failed=$((failed + 1))
    continue
  fi
  read -r _ p f s _ <<<"$line"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    echo
    echo "==== $name (log: $log)"
    # The lines of passed cases say nothing about a failure.
    grep -avE '^\[ RUN      \]|^\[       OK \]|^\[-----|^PASS |^counts ' "$log" | tail -n 200
  fi
done
if [ "$skipped" -gt 0 ]; then
  echo
  echo "Skipped:"
  for name in "${names[@]}"; do
    # gtest prints "file:line: Skipped", the reason, then the case; shell tests "SKIP name: why".
    awk -v test="$name" '/: Skipped$/ { reading = 1; why = ""; next }
         reading && NF && !/^\[  SKIPPED / { why = why (why == "" ? "" : " ") $0; next }
         { reading = 0 }
         /^\[  SKIPPED \] .* ms\)$/ { print "  " test ": " $4 ": " why }
         sub(/^SKIP /, "") { print "  " test ": " $0 }' "$BUILD/test-logs/${name//\//-}.log" 2>/dev/null
  done
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
