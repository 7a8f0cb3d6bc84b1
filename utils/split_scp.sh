#!/usr/bin/env bash
# Cuts a table of one line per utterance into N parts of equal length, in order.
#
# Usage: utils/split_scp.sh <table> <part-1> ... <part-N>
#   e.g. utils/split_scp.sh data/train/wav.scp exp/wav.1.scp exp/wav.2.scp
set -euo pipefail
export LC_ALL=C
if [[ $# -lt 2 || $1 == --* ]]; then
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  [[ ${1-} == --help ]] && exit 0
  exit 2
fi
table=$1
shift
total=$(wc -l < "$table")
if ((total < $#)); then
  echo "split_scp.sh: error: $table has $total lines, too few for $# parts" >&2
  exit 1
fi
awk -v total="$total" '
  BEGIN { n = ARGC - 2; for (i = 1; i <= n; i++) { part[i] = ARGV[i + 1]; ARGV[i + 1] = "" } k = 1 }
  { while (NR > int(total * k / n)) k++; print > part[k] }' "$table" "$@"
