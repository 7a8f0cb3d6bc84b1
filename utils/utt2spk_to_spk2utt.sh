#!/usr/bin/env bash
# Turns "utterance speaker" lines into "speaker utterance utterance ..." lines, in order of speaker.
#
# Usage: utils/utt2spk_to_spk2utt.sh <utt2spk> > <spk2utt>
set -euo pipefail
export LC_ALL=C
if [[ $# -ne 1 || $1 == --* ]]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
  [[ ${1-} == --help ]] && exit 0
  exit 2
fi
awk -v file="$1" '
  NF != 2 { printf "%s:%d: wanted \"utterance speaker\", found: %s\n", file, NR, $0 > "/dev/stderr"; bad = 1; exit 1 }
  { list[$2] = list[$2] " " $1 }
  END { if (!bad) for (s in list) print s list[s] }' "$1" | sort
