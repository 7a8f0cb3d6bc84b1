#!/usr/bin/env bash
# golden-table.sh BUILD: runs the unit tests that compare with the golden vectors and prints, set by set, the largest
# difference that was seen in each file, the tolerance that the test holds it to, and their ratio. The exit status is 0
# only if all of these tests pass.
set -uo pipefail
export LC_ALL=C.UTF-8
if [ $# -ne 1 ]; then
  echo "Usage: tools/dev/golden-table.sh BUILD" >&2
  exit 2
fi
cd "$(dirname "$0")/../.." || exit 1
build=$1 status=0
mapfile -t sources < <(grep -l 'ReportGolden(' tests/*/*-test.cc)
tests=("${sources[@]%.cc}")
tools/dev/run-tests.sh --unit "$build" "${tests[@]}" >&2 || status=1
logs=("${tests[@]//\//-}")
logs=("${logs[@]/%/.log}")
logs=("${logs[@]/#/"$build/test-logs/"}")
{
  echo "set file worst tolerance ratio"
  sed -n 's/^golden: //p' "${logs[@]}" | sort -k1,1 -k2,2
} | awk '{ line[NR] = $0; if (length($1) > a) a = length($1); if (length($2) > b) b = length($2) }
  END { for (n = 1; n <= NR; ++n) { split(line[n], f); printf "%-*s  %-*s  %8s  %9s  %6s\n", a, f[1], b, f[2], f[3], f[4], f[5] } }'
exit $status
