#!/usr/bin/env bash
# Speaks each line of a list with espeak-ng into a 16 kHz WAV file.
#
# Usage: local/synthesize.sh <list.tsv> <wav-dir>
# Lines of the list: name, voice, pitch, speed (words per minute), text; tabs between.
set -euo pipefail
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
parse_options "$@"
[[ ${#args[@]} -eq 2 ]] || usage_error "a list and a folder are needed"
list=${args[0]} dir=${args[1]}

mkdir -p "$dir"
total=$(wc -l < "$list")
n=0
shown=0
while IFS=$'\t' read -r name voice pitch speed text; do
  espeak-ng -b 1 -v "$voice" -p "$pitch" -s "$speed" --stdout -- "$text" |
    sox -D -t wav --ignore-length - -r 16000 -b 16 "$dir/$name.wav" ||
    die "espeak-ng or sox failed for '$name' ($voice: $text)"
  n=$((n + 1))
  if ((SECONDS - shown >= 2)); then
    shown=$SECONDS
    say "spoken: $n of $total ($((100 * n / total)) %), $(duration $((SECONDS * (total - n) / n))) left"
  fi
done < "$list"

# A voice that is not there can also show as silence of no length.
short=$(cut -f 1 "$list" | sed "s:.*:$dir/&.wav:" | tr '\n' '\0' | xargs -0 stat -c '%s %n' |
  awk '$1 < 8000 { print; exit }')
[[ -z $short ]] || die "espeak-ng said nothing: $short bytes"
