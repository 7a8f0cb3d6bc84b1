#!/usr/bin/env bash
# Fetches the recordings of the Free Spoken Digit Dataset and builds the connected-digit corpus.
#
# Usage: local/download.sh [--recordings DIR] <corpus-dir>
#   --recordings DIR    folder of the recordings (7_theo_3.wav), where they are here already
#
# The recordings are by Zohar Jackson and contributors, CC BY-SA 4.0; what is built from them falls
# under the same licence. The lists are those of the prepared corpus; the noise itself is drawn anew,
# so error rates on test_noisy differ a little from those of the prepared one.
set -euo pipefail
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
recordings=
parse_options "$@"
[[ ${#args[@]} -eq 1 ]] || usage_error "a folder for the corpus is needed"
corpus=${args[0]}
repository=https://github.com/Jakobovski/free-spoken-digit-dataset.git
commit=26eb9aa # the state the lists were made from

need_commands python3 add-noise
mkdir -p "$corpus"
if [[ -z $recordings ]]; then
  need_commands git
  if [[ ! -d $corpus/fsdd/recordings ]]; then
    rm -rf "$corpus/fsdd.part"
    if ! git clone --quiet "$repository" "$corpus/fsdd.part" ||
      ! git -C "$corpus/fsdd.part" checkout --quiet "$commit"; then
      rm -rf "$corpus/fsdd.part"
      die "the recordings could not be fetched from $repository (is this machine offline?)." \
        "Get them on another machine and give --recordings DIR, or run.sh --data with a prepared corpus"
    fi
    mv "$corpus/fsdd.part" "$corpus/fsdd"
  fi
  recordings=$corpus/fsdd/recordings
fi
[[ -d $recordings ]] || die "no folder '$recordings'"
run-jobs --title="joining digits" "$corpus/log/make_connected.log" \
  python3 local/make_connected.py --fsdd "$recordings" --out "$corpus"

noisy=$corpus/data/test_noisy
awk -v root="$corpus" '{ utt = $1; sub(/-tc/, "-tn", utt); path = substr($0, length($1) + 2)
                         print utt, root "/" path }' "$corpus/data/test_clean/wav.scp" > "$noisy/clean.scp"
run-jobs "$corpus/log/noise.log" add-noise --seed=1 "scp:$noisy/clean.scp" "ark:$noisy/utt2snr" \
  "ark,scp:$noisy/wav.ark,$noisy/wav.scp"
sed -i "s: $corpus/: :" "$noisy/wav.scp"
rm "$noisy/clean.scp"
