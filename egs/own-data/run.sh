#!/usr/bin/env bash
# Your own data: from Kaldi data directories to dense and mixture models, a report, and a line that decodes.
#
# Usage: egs/own-data/run.sh --data DIR [options]
#   --data DIR          the corpus: DIR/train (or DIR/data/train), perhaps dev and tests beside it; or one data
#                       directory. wav.scp and text in each; segments, utt2spk, utt2lang, utt2<anything> if there.
#                       wav.scp: commands, or paths: absolute, from the working directory, from the folder of wav.scp
#                       or from those above it; any format of libsndfile, any sampling rates
#   --train train       the name of the directory to train on
#   --dev NAME, --tests "NAME ..."   default: dev or valid; all test*, eval*. What there is none of is split off
#                       train: by speaker where possible, and no text on both sides
#   --size small        tiny, small or base: conf/<size>
#   --models "moe dense"   conf/<size>/<model>.conf each; also dense-wide; the one that trains longest first
#   --units char        letters of the training text; bpe:N: N word pieces of it, by SentencePiece
#   --normalize none    steps done to all texts, and in scoring to both sides: normalize-text --help;
#                       --normalize-map FILE for the step map
#   --epochs N, --learning-rate X   default: conf/<size>/train.conf (and <model>.train.conf)
#   --seeds "777"       with two or more the report knows how much they matter
#   --max-failures 0    how many utterances a tool may fail on: a count, or a share like 5%
#   --min-seconds 0.1, --max-seconds 30, --max-letters-per-second 0   what is left out and counted; 0: no limit
#   --sample-frequency 0   of the features; 0: found from the audio
#   --chunks "-1 16"    chunk sizes in encoder frames of 40 ms; -1: whole utterances
#   --dir FOLDER        for conf, data, dump, exp. Default: out/<name of DIR> where the recipe is
#   --nj N, --train-jobs N   processes at a time; default: the number of processors
#   --lm true           also language models, of each language of utt2lang, and hot words: word error rates with them beside
#                       their controls, exp/report/words.txt. From the training text and --lm-text DIR: DIR/<language>.txt, or
#                       DIR/all.txt without utt2lang; sentences one a line, none of dev or test
#   --stage 1, --stop-stage 6   1 data and plan, 2 features, 3 training, 4 decoding, 5 report, 6 words (--lm true)
#   --cut true          few utterances and epochs, size tiny: shows in a minute that all parts run, no more
# After stage 1 it says what will be done and about how long it takes; --stop-stage 1 ends there.
here=$PWD
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ./cmd.sh
. local/check_options.sh
data=
train=train
dev=
tests=
size=
models="moe dense"
units=char
normalize=none
normalize_map=
epochs=
learning_rate=
seeds=777
max_failures=0
min_seconds=0.1
max_seconds=30
max_letters_per_second=0
sample_frequency=0
chunks="-1 16"
dir=
lm=false
lm_text=
split_seed=1
cut=false
given=0
for option in "$@"; do
  if [[ $option == --data || $option == --data=* ]]; then given=$((given + 1)); fi
done
((given < 2)) || usage_error "--data is one folder; utils/combine_data.sh joins data directories"
parse_options "$@"
[[ ${#args[@]} -eq 0 ]] || usage_error "unknown argument '${args[0]}'"
check_options conf
[[ $sample_frequency =~ ^[0-9]+$ ]] || usage_error "--sample-frequency is a whole number of Hz, not '$sample_frequency'"
for n in min_seconds max_seconds max_letters_per_second; do
  [[ ${!n} =~ ^[0-9]*\.?[0-9]+$ ]] || usage_error "--${n//_/-} is a number, not '${!n}'"
done
[[ -n $data ]] || usage_error "--data DIR is needed: the folder of the data directories"
if [[ $data != /* ]]; then data=$here/$data; fi
[[ -d $data ]] || usage_error "--data: no folder '$data'"
if [[ -z $dir ]]; then dir=$PWD/out/$(basename "$(realpath "$data")"); elif [[ $dir != /* ]]; then dir=$here/$dir; fi
if [[ -n $lm_text && $lm_text != /* ]]; then lm_text=$here/$lm_text; fi
[[ -z $lm_text || -d $lm_text ]] || usage_error "--lm-text: no folder '$lm_text'"
need_commands python3 nnet-train # now, not when the report is due
recipe=$PWD
found=$("$recipe/local/find_sets.sh" --train "$train" --dev "$dev" --tests "$tests" "$data") || exit 1
take_folder "$dir" "$(realpath "$data")"
printf '# Sourced by the steps: where the tools are.\n. %q\n' "$recipe/path.sh" > "$dir/path.sh"
cd "$dir"
dir=$PWD

# Reads one data directory into data/<name>; leaves out what cannot be used.
read_set() { # <folder> <name>
  local labels=false size=500
  # Word pieces do not exist yet; features.sh counts them.
  if [[ $units == char && ($2 == train || $2 == dev) ]]; then labels=true; fi
  clean_data_dir.sh --from "$here" "$1" "data/$2"
  normalize_data_dir "data/$2" data/normalize.log
  if $cut; then # spread over the whole
    if [[ $2 != train ]]; then size=40; fi
    if (($(wc -l < "data/$2/text") > size)); then
      rm -rf data/whole && mv "data/$2" data/whole
      subset_data_dir.sh data/whole "$size" "data/$2"
      if [[ -e data/whole/dropped ]]; then cp data/whole/dropped "data/$2"; fi
      rm -rf data/whole
    fi
  fi
  audio_facts.sh --nj "$nj" "data/$2"
  filter_utts.sh --min-seconds "$min_seconds" --max-seconds "$max_seconds" \
    --max-letters-per-second "$max_letters_per_second" --labels "$labels" "data/$2"
  if [[ -e data/$2/segments ]]; then # of recordings with several channels they must name one
    awk 'NR == FNR { channels[$1] = $3; next } NF == 4 && channels[$2] > 1 { $5 = 0 } { print }' \
      "data/$2/reco2audio" "data/$2/segments" > "data/$2/segments.tmp"
    mv "data/$2/segments.tmp" "data/$2/segments"
  fi
}
split_off() { # <name> <share>: out of train
  (($(wc -l < data/train/utt2spk) >= 2)) || die "too few utterances: one to train on must remain beside dev and test sets"
  rm -rf data/whole && mv data/train data/whole
  split_off_set.sh --share "$2" --seed "$split_seed" data/whole data/train "data/$1"
  if [[ -e data/whole/dropped ]]; then cat data/whole/dropped >> data/train/dropped; fi
  mv data/whole/log data/train
  rm -rf data/whole
}
# One epoch on a few utterances, for the plan.
measure() {
  local m n
  rm -rf measure && mkdir -p measure/data
  cp path.sh measure
  ln -s ../conf measure/conf
  n=$(wc -l < data/train/utt2spk)
  subset_data_dir.sh data/train $((n < 64 ? n : 64)) measure/data/train
  subset_data_dir.sh --first measure/data/train 1 measure/data/dev
  (
    cd measure
    # || exit: within a condition, as here, the shell goes on after an error.
    features.sh --nj "$nj" --units "$units" --fbank-opts "$fbank_opts" --max-failures "$max_failures" data dump train dev || exit
    for m in $models; do
      train.sh --epochs 1 --average 1 --max-failures "$max_failures" dump "exp/$m/${seeds%% *}" || exit
    done
  ) > measure/log 2>&1 || die "the trial on a few utterances failed; $dir/measure/log ends: $(tail -n 3 measure/log)"
}

# The first channel, and any rate, whatever was recorded.
fbank_opts="--channel=0 --allow-downsample=true --allow-upsample=true"
if begin_stage 1 "data and plan"; then
  say "in $dir"
  rm -rf data
  mkdir -p data
  while IFS=$'\t' read -r _ name folder; do read_set "$folder" "$name"; done <<< "$found"
  grep -q $'^test\t' <<< "$found" || split_off test 0.1
  grep -q $'^dev\t' <<< "$found" || split_off dev 0.05
fi
need_file data/train/reco2audio "make the data first (--stage 1)"
# Each time, so that a resumed run can take more models or another learning rate.
"$recipe/local/choose.py" --size "$size" --models "$models" --rate "$sample_frequency" --epochs "$epochs" \
  --learning-rate "$learning_rate" --templates "$recipe/conf" data/train conf
tests=$(awk -F '\t' '$1 == "test" { printf "%s%s", sep, $2; sep = " " }' <<< "$found")
: "${tests:=test}"
read -ra sets <<< "train dev $tests"
runs=$(list_runs "$models" "$seeds")
if [[ $current_stage == 1 ]]; then
  measure
  "$recipe/local/plan.py" --measure measure --models "$models" --seeds "$seeds" --sets "${sets[*]}" --jobs "$train_jobs" \
    --size "$size" --units "$units" | tee plan.txt
  make_units.py data/train/text > measure/units.txt
  for set in "${sets[@]:1}"; do unknown_letters.sh measure/units.txt "data/$set/text"; done
fi

if begin_stage 2 "features"; then
  features.sh --nj "$nj" --units "$units" --train-dither 1 --fbank-opts "$fbank_opts" --max-failures "$max_failures" data dump "${sets[@]}"
fi
if begin_stage 3 "training of $runs, $train_jobs at a time"; then train_runs; fi
if begin_stage 4 "decoding"; then
  label=utt2spk
  if [[ -e data/${tests%% *}/utt2lang ]]; then label=utt2lang; fi
  decode_runs "$label"
fi
if begin_stage 5 "report"; then
  report_runs "$(basename "$dir"): size $size, units $units"
  say "all of this is in $dir"
  transcribe_line "$dir/exp"
fi
if $lm && begin_stage 6 "words: language models, graphs, hot words"; then words_runs "$lm_text"; fi
