#!/usr/bin/env bash
# Copies a data directory, keeping N utterances spread evenly over it.
#
# Usage: utils/subset_data_dir.sh <data-dir> <N> <new-data-dir>
set -euo pipefail
export LC_ALL=C
if [[ $# -ne 3 || $1 == --* ]]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
  [[ ${1-} == --help ]] && exit 0
  exit 2
fi
from=$1 count=$2 to=$3
total=$(wc -l < "$from/utt2spk")
if ((count > total)); then
  echo "subset_data_dir.sh: error: $from has $total utterances, $count were asked for" >&2
  exit 1
fi
mkdir -p "$to"
awk -v total="$total" -v count="$count" 'int(NR * count / total) > int((NR - 1) * count / total)' \
  "$from/utt2spk" > "$to/utt2spk"
for table in wav.scp text utt2lang utt2dur utt2snr feats.scp; do
  if [[ -e $from/$table ]]; then
    awk 'NR == FNR { keep[$1]; next } $1 in keep' "$to/utt2spk" "$from/$table" > "$to/$table"
  fi
done
"$(dirname "$0")/utt2spk_to_spk2utt.sh" "$to/utt2spk" > "$to/spk2utt"
