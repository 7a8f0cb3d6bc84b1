#!/usr/bin/env bash
# Filter-bank features and token ids of data directories, in Kaldi archives.
#
# Usage: features.sh [options] <data-dir> <dump-dir> <set>...
#   e.g. features.sh --nj 2 data dump train dev test_clean
#   --nj 2            processes at a time
#   --units char      letters of the training text; bpe:N: N word pieces of it (utils/make_word_pieces.py)
#   --train-dither 0  dither of the set "train" (the others have none)
#   --fbank-opts ""   more options of compute-fbank-feats, such as "--allow-downsample=true --channel=0"
#   --max-failures 0  how many utterances of a job may fail: a count, or a share like 5%
#
# Reads conf/fbank.conf and <data-dir>/<set>. Writes <dump-dir>/units.txt, for word pieces <dump-dir>/bpe.model,
# <dump-dir>/cmvn.stats (training set, no dither), and for each set a copy of its data directory
# with feats.scp, tokens, and fbank.N.json with the time it took. Utterances of train and dev whose units do not fit
# into their frames are left out and counted (utils/filter_utts.sh); letters that training has not become <unk>.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
nj=$(nproc)
units=char
train_dither=0
fbank_opts=
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -ge 3 ]] || usage_error "a data folder, a dump folder and sets are needed"
data=${args[0]} dump=${args[1]}
sets=("${args[@]:2}")
check_units "$units"
need_commands compute-fbank-feats compute-cmvn-stats text-to-tokens
tolerance="--max-failures=$(shell_word "$max_failures")"

mkdir -p "$dump"
for set in train "${sets[@]}"; do need_file "$data/$set/utt2spk" "make the data first (--stage 1)"; done
for set in "${sets[@]}"; do
  need_file "$data/$set/text" "the transcripts of the set"
  # Checks it too; that names of utterances begin with their speaker is nothing that these steps need.
  copy_data_dir.sh --validate-opts --no-spk-sort "$data/$set" "$dump/$set"
  # The copy is elsewhere, so paths relative to the folder would not hold.
  wav_paths.sh "$data/$set/wav.scp" "$dump/$set/wav.scp"
done
rm -f "$dump/bpe.model"
bpe=()
if [[ $units == char ]]; then
  make_units.py "$data/train/text" > "$dump/units.txt.tmp"
  mv "$dump/units.txt.tmp" "$dump/units.txt"
else
  make_word_pieces.py --pieces "${units#bpe:}" "$data/train/text" "$dump"
  bpe=(--bpe-model="$dump/bpe.model")
fi

for set in "${sets[@]}"; do
  out=$dump/$set
  rm -f "$out"/fbank.*.json
  dither=0
  if [[ $set == train ]]; then dither=$train_dither; fi
  make_fbank.sh --nj "$nj" --cmd "run-jobs --max-jobs=$nj" \
    --max-failures "$max_failures" \
    --fbank-opts "--dither=$dither --stats=$(shell_word "$out/fbank.JOB.json") $fbank_opts" "$out" "$out/log" "$out"
  run-jobs "$out/log/tokens.log" \
    text-to-tokens "${bpe[@]}" --unk="<unk>" --max-failures="$max_failures" "$dump/units.txt" "ark:$out/text" "ark,t:$out/tokens"
  if [[ $set == train || $set == dev ]]; then
    filter_utts.sh --tokens "$out/tokens" "$out"
    filter_scp.pl "$out/utt2spk" "$out/tokens" > "$out/tokens.tmp"
    mv "$out/tokens.tmp" "$out/tokens"
  fi
  if [[ $set != train ]]; then unknown_letters.sh "$dump/units.txt" "$out/text"; fi
done

if [[ $train_dither == 0 ]]; then
  plain=scp:$dump/train/feats.scp
else
  waves=$(wave_rspecifier "$dump/train")
  plain="ark:compute-fbank-feats --config=conf/fbank.conf --dither=0 $tolerance $fbank_opts $(shell_word "$waves") ark:- |"
fi
run-jobs "$dump/log/cmvn.log" compute-cmvn-stats --max-failures="$max_failures" "$plain" "$dump/cmvn.stats"
