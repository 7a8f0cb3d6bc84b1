#!/usr/bin/env bash
# Checks a Kaldi data directory: tables present, sorted in byte order, the same utterances in each.
#
# Usage: utils/validate_data_dir.sh [--no-wav] [--no-text] [--feats] <data-dir>
#
# Needed: utt2spk, spk2utt, wav.scp (unless --no-wav), text (unless --no-text), feats.scp (with
# --feats). Checked where present: utt2lang, utt2dur, utt2snr, segments. A speaker's name should begin
# the names of its utterances, so that utt2spk is in order of speaker too.
set -euo pipefail
export LC_ALL=C
wav=true text=true feats=false
while [[ ${1-} == --* ]]; do
  case $1 in
    --no-wav) wav=false ;;
    --no-text) text=false ;;
    --feats) feats=true ;;
    *)
      awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0" >&2
      [[ $1 == --help ]] && exit 0
      exit 2
      ;;
  esac
  shift
done
if [[ $# -ne 1 ]]; then
  echo "validate_data_dir.sh: error: one data directory is needed, not $#. Try --help." >&2
  exit 2
fi
dir=$1
fail() {
  echo "validate_data_dir.sh: error: $*" >&2
  exit 1
}

[[ -d $dir ]] || fail "no directory '$dir'"
needed=(utt2spk spk2utt)
if [[ -e $dir/segments ]]; then keys=segments; else keys=wav.scp; fi
if $wav; then needed+=(wav.scp); fi
if $text; then needed+=(text); fi
if $feats; then needed+=(feats.scp); fi
for table in "${needed[@]}"; do
  [[ -s $dir/$table ]] || fail "$dir/$table is missing or empty"
done

# In byte order, no key twice, each line has a value (a transcript may be empty).
check_table() { # <table> <fields that a line needs>
  awk -v file="$dir/$1" -v fields="$2" '
    function say(what) { printf "%s:%d: %s\n", file, FNR, what; exit 1 }
    /\r/ { say("a carriage return; turn the file into Unix lines") }
    NF < fields { say("found " NF " fields, needs " fields ": \"" $0 "\"") }
    FNR > 1 && $1 == last { say("\"" $1 "\" is there twice") }
    FNR > 1 && ($1 "") < (last "") { say("\"" $1 "\" comes after \"" last "\": not in byte order; sort it with LC_ALL=C sort") }
    { last = $1 }' "$dir/$1"
}
for table in utt2spk spk2utt wav.scp text feats.scp utt2lang utt2dur utt2snr segments; do
  [[ -e $dir/$table ]] || continue
  fields=2
  if [[ $table == text ]]; then fields=1; fi
  if [[ $table == segments ]]; then fields=4; fi
  problem=$(check_table "$table" "$fields") || fail "$problem"
done

# The same utterances everywhere.
for table in text feats.scp utt2lang utt2dur utt2snr segments "$keys"; do
  [[ -e $dir/$table ]] || continue
  if [[ $table == wav.scp && $keys == segments ]]; then continue; fi
  problem=$(awk -v one="$dir/utt2spk" -v two="$dir/$table" '
    NR == FNR { first[$1]; next }
    !($1 in first) { printf "\"%s\" is in %s, not in %s\n", $1, two, one; bad = 1; exit 1 }
    { delete first[$1] }
    END {
      if (bad) exit 1
      for (u in first) if (missing == "" || u < missing) missing = u
      if (missing != "") { printf "\"%s\" is in %s, not in %s\n", missing, one, two; exit 1 }
    }' \
    "$dir/utt2spk" "$dir/$table") || fail "$problem"
done

if [[ -e $dir/segments && -e $dir/wav.scp ]]; then
  problem=$(awk -v file="$dir/segments" 'NR == FNR { rec[$1]; next }
    !($2 in rec) { printf "%s:%d: no recording \"%s\" in wav.scp\n", file, FNR, $2; exit 1 }
    $4 <= $3 { printf "%s:%d: the segment ends before it starts\n", file, FNR; exit 1 }' \
    "$dir/wav.scp" "$dir/segments") || fail "$problem"
fi

"$(dirname "$0")/utt2spk_to_spk2utt.sh" "$dir/utt2spk" | cmp -s - "$dir/spk2utt" ||
  fail "$dir/spk2utt does not follow from utt2spk; make it with utils/utt2spk_to_spk2utt.sh"
odd=$(awk 'index($1, $2) != 1' "$dir/utt2spk" | head -n 1)
if [[ -n $odd ]]; then
  echo "validate_data_dir.sh: warning: $dir/utt2spk: utterance and speaker '$odd':" \
    "better begin the utterance with its speaker" >&2
fi
echo "$dir: $(wc -l < "$dir/utt2spk") utterances of $(wc -l < "$dir/spk2utt") speakers, in order" >&2
