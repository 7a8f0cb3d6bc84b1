#!/usr/bin/env bash
# Reads all audio of a data directory once: sampling rates, channels, durations, what cannot be read.
#
# Usage: audio_facts.sh [options] <data-dir>
#   e.g. audio_facts.sh --nj 4 data/train
#   --nj 2          processes at a time
#
# Writes <data-dir>/reco2audio: recording, Hz, channels, seconds, "sound" or "silent" (every sample is 0). What cannot
# be read is not in it; <data-dir>/log/audio_facts.*.log says why. utils/filter_utts.sh drops what is missing.
set -euo pipefail
if [[ -e path.sh ]]; then . ./path.sh; fi
utils=$(cd "$(dirname "$0")/.." && pwd)
. "$utils/recipe.sh"
export PATH=$utils:$PATH
nj=$(nproc)
parse_options "$@"
[[ ${#args[@]} -eq 1 ]] || usage_error "a data directory is needed"
[[ $nj =~ ^[1-9][0-9]*$ ]] || usage_error "--nj is a number above 0, not '$nj'"
data=${args[0]%/}
need_file "$data/wav.scp" "it names the audio"
need_commands wav-copy run-jobs
log=$data/log
mkdir -p "$log"
lines=$(wc -l < "$data/wav.scp")
if ((nj > lines)); then nj=$lines; fi
parts=()
for ((i = 1; i <= nj; i++)); do parts+=("$log/wav.scp.$i"); done
split_scp.pl "$data/wav.scp" "${parts[@]}"
# Failures are what is looked for here; a broken stream shows in the second command's status.
# shellcheck disable=SC2016  # a script for bash -c
run-jobs --title="reading the audio of $(basename "$data")" --max-jobs="$nj" JOB="1:$nj" "$log/audio_facts.JOB.log" \
  bash -o pipefail -c 'wav-copy --max-failures=100% "scp:$0" ark:- | wav_facts.sh > "$1"' \
  "$log/wav.scp.JOB" "$log/reco2audio.JOB"
cat "$log"/reco2audio.[0-9]* > "$data/reco2audio.tmp"
mv "$data/reco2audio.tmp" "$data/reco2audio"
rm -f "${parts[@]}" "$log"/reco2audio.[0-9]*
read=$(wc -l < "$data/reco2audio")
say "$data/reco2audio: $read of $lines recordings can be read"
if ((read < lines)); then
  why=$(grep -ah '^WARNING ' "$log"/audio_facts.*.log | head -n 3) || true
  say "$log/audio_facts.*.log say why the others cannot${why:+, first:}${why:+$'\n'}$why"
fi
