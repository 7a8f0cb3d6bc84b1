#!/usr/bin/env bash
# Makes a corpus of spoken words in several languages with espeak-ng, and its data directories.
#
# Usage: local/make_corpus.sh [options] <corpus-dir> <data-dir>
#   --langs "de en-us ..."   languages of espeak-ng with a list in local/words
#   --topics "days numbers"  parts of those lists
#   --per-topic 0            the first so many words of each; 0: all
#   --train, --dev, --test   utterances of each set; --test counts for test_clean and for test_noisy
#   --seed 1                 everything follows from it
#   --nj 2                   processes at a time
#
# <data-dir>/{train,dev,test_clean,test_noisy}: wav.scp, text, utt2spk, spk2utt, utt2lang, utt2dur,
# and utt2snr (kind of the noise added, dB).
set -euo pipefail
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
langs="de en-us es fi fr-fr it pl tr"
topics="days numbers colours"
per_topic=0
train=1000
dev=100
test=150
seed=1
nj=$(nproc)
parse_options "$@"
[[ ${#args[@]} -eq 2 ]] || usage_error "a corpus folder and a data folder are needed"
corpus=${args[0]} data=${args[1]}

need_commands espeak-ng sox python3 add-noise
voices=$(espeak-ng --voices=variant | awk 'NR > 1 { sub(/.*!v\//, ""); print $1 }')
for lang in $langs; do
  need_file "local/words/$lang.txt" "there is no word list for --langs $lang"
  espeak-ng -q -v "$lang" x || die "espeak-ng has no language '$lang'"
done
rm -rf "$corpus"
mkdir -p "$corpus/wav"
python3 local/make_utterances.py --langs "$langs" --topics "$topics" \
  --per-topic "$per_topic" --train "$train" --dev "$dev" --test "$test" \
  --seed "$seed" --corpus "$corpus" --data "$data"

cat "$corpus"/{train,dev,test}.tsv > "$corpus/all.tsv"
cut -f 2 "$corpus/all.tsv" | sed 's/.*+//' | sort -u | while read -r voice; do
  grep -qx -- "$voice" <<< "$voices" ||
    die "espeak-ng has no voice '$voice' (espeak-ng --voices=variant lists them)"
done
parts=()
for ((i = 1; i <= nj; i++)); do parts+=("$corpus/part.$i.tsv"); done
split_scp.pl "$corpus/all.tsv" "${parts[@]}"
run-jobs --title=synthesis --max-jobs="$nj" JOB="1:$nj" "$corpus/log/synthesize.JOB.log" \
  local/synthesize.sh "$corpus/part.JOB.tsv" "$corpus/wav"

# The clean recording of test_noisy's "-tn" utterances is the "-tc" one of test_clean.
for set in train dev test_clean test_noisy; do
  awk -v dir="$corpus/wav" '{ clean = $1; sub(/-tn/, "-tc", clean); print $1, dir "/" clean ".wav" }' \
    "$data/$set/utt2spk" > "$corpus/$set.clean.scp"
  utt2spk_to_spk2utt.pl "$data/$set/utt2spk" > "$data/$set/spk2utt"
done
run-jobs --title=noise --max-jobs="$nj" JOB=train,dev,test_clean,test_noisy \
  "$corpus/log/noise.JOB.log" \
  add-noise --seed="$seed" "scp:$corpus/JOB.clean.scp" "ark:$data/JOB/utt2snr" \
  "ark,scp:$corpus/JOB.wav.ark,$data/JOB/wav.scp"
for set in train dev test_clean test_noisy; do get_utt2dur.sh "$data/$set"; done
rm -rf "$corpus/wav"
