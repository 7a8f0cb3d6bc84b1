#!/usr/bin/env bash
# Fuzzes every parser of outside bytes with libFuzzer, under AddressSanitizer and UBSan.
#
# Usage: tools/dev/fuzz.sh <seconds> [<target>...]      as `make fuzz SECONDS=60` calls it, for all targets
# Needs clang and its compiler-rt (Debian: clang, libclang-rt-14-dev or of its version). Corpora stay in
# build/fuzz/corpus/<target> and grow from run to run. What breaks a target is left in build/fuzz/found; it belongs into
# tests/fuzz/found/<target>, where tests/fuzz/replay-test.cc runs it for ever. Exit status 1 if something was found.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -lt 1 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "Usage: tools/dev/fuzz.sh <seconds> [<target>...]" >&2
  exit 2
fi
seconds=$1
shift
clang=${CLANG:-clang++}
command -v "$clang" > /dev/null || {
  echo "fuzz: $clang is not installed; on Debian: apt-get install clang libclang-rt-14-dev" >&2
  exit 1
}
build=build/fuzz
make -j"$(nproc)" --no-print-directory CXX="$clang" BUILD=$build SANITIZE=fuzzer-no-link,address,undefined \
  CXXFLAGS="-O1 -g1" fuzz-build
fuzzer=$build/tests/fuzz/fuzz-main
# What is left out where a package is missing would pass unseen.
for package in fst/fst.h:libfst-dev sentencepiece_processor.h:libsentencepiece-dev; do
  printf '#include <%s>\n' "${package%:*}" | "$clang" -std=c++17 -x c++ -E - > /dev/null 2>&1 ||
    echo "fuzz: ${package#*:} is not installed: some targets do nothing" >&2
done
if [ $# -eq 0 ]; then
  read -ra targets < <(env -u U2MOE_FUZZ_TARGET "$fuzzer" 2>&1 | sed -n 's/.*one of: *//p')
  set -- "${targets[@]}"
fi
mkdir -p $build/found $build/log
rm -f $build/found/*

export U2MOE_FUZZ_TARGET U2MOE_FUZZ_SEEDS OPENBLAS_NUM_THREADS=1
run_target() {
  U2MOE_FUZZ_TARGET=$1 U2MOE_FUZZ_SEEDS=$build/corpus/$1
  mkdir -p "$U2MOE_FUZZ_SEEDS"
  local found=()
  if [ -d "tests/fuzz/found/$1" ]; then found=("tests/fuzz/found/$1"); fi
  "$fuzzer" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -max_len=65536 -close_fd_mask=3 \
    -print_final_stats=1 -artifact_prefix="$build/found/$1-" "$U2MOE_FUZZ_SEEDS" "${found[@]}" \
    > "$build/log/$1.log" 2>&1
}
printf '%-9s %8s %12s %8s %10s  %s\n' target seconds executions edges 'peak MB' found
status=0
declare -A running=()
report() { # <target> <exit status>
  local log=$build/log/$1.log stat edges
  stat() { sed -nE "s/^stat::$1: *([0-9]+)/\1/p" "$log" | tail -n 1; }
  edges=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
  printf '%-9s %8s %12s %8s %10s  %s\n' "$1" "$seconds" "$(stat number_of_executed_units)" "$edges" \
    "$(stat peak_rss_mb)" "$(find $build/found -name "$1-*" | tr '\n' ' ')"
  if [ "$2" -ne 0 ]; then
    status=1
    grep -aE 'ERROR|SUMMARY|check failed|runtime error' "$log" | head -n 5 | sed 's/^/    /' || true
  fi
}
wait_for_one() {
  local pid done_status=0
  wait -n -p pid "${!running[@]}" || done_status=$?
  report "${running[$pid]}" "$done_status"
  unset "running[$pid]"
}
for target in "$@"; do
  while [ ${#running[@]} -ge "$(nproc)" ]; do wait_for_one; done
  run_target "$target" &
  running[$!]=$target
done
while [ ${#running[@]} -gt 0 ]; do wait_for_one; done
exit $status
