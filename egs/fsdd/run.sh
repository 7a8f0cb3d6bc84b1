#!/usr/bin/env bash
# Dense against MoE on real speech: connected digits of the Free Spoken Digit Dataset, letters as units.
#
# Usage: egs/fsdd/run.sh --data DIR [options]
#   --data DIR          the prepared corpus: DIR/data/{train,dev,test_clean,test_noisy} with wav.scp
#                       (commands, or paths: absolute, or from DIR, the folder of wav.scp
#                       or the working directory), text, utt2spk, perhaps segments. Without --data
#                       local/download.sh fetches the public recordings and builds the corpus here
#   --tests "test_clean test_noisy"   names of the test sets
#   --seeds "777 778 779"
#   --models "dense-wide moe dense"   conf/<model>.conf each; the one that trains longest first
#   --epochs N          default: conf/train.conf
#   --chunks "-1 4 8 16"   chunk sizes in encoder frames of 40 ms; -1: whole utterances
#   --max-failures 0    how many utterances a tool may fail on: a count, or a share like 5%
#   --stage 1, --stop-stage 5   1 data, 2 features, 3 training, 4 decoding, 5 report
#   --cut true          few utterances and epochs: shows in a few minutes that all parts run, no more
# The folders data, dump and exp are made where the recipe is.
here=$PWD
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ./cmd.sh
data=
tests="test_clean test_noisy"
seeds=
models="dense-wide moe dense"
epochs=
max_failures=0
chunks=
cut=false
parse_options "$@"
[[ ${#args[@]} -eq 0 ]] || usage_error "unknown argument '${args[0]}'"
if $cut; then
  : "${seeds:=777}" "${epochs:=2}" "${chunks:=-1 16}"
fi
: "${seeds:=777 778 779}" "${chunks:=-1 4 8 16}"

if [[ -n $data && $data != /* ]]; then data=$here/$data; fi
check_choices "$models" "$seeds" "$chunks"
runs=$(list_runs "$models" "$seeds")
need_commands python3 nnet-train # now, not when the report is due
read -ra sets <<< "train dev $tests"

if begin_stage 1 "data"; then
  if [[ -z $data ]]; then
    local/download.sh corpus
    data=corpus
  fi
  need_file "$data/data/train/wav.scp" "--data names the folder that contains data/train"
  for set in "${sets[@]}"; do
    mkdir -p "data/$set"
    for table in text segments utt2spk spk2utt utt2dur utt2snr; do
      if [[ -e $data/data/$set/$table ]]; then cp "$data/data/$set/$table" "data/$set/"; fi
    done
    wav_paths.sh --from "$here" "$data/data/$set/wav.scp" "data/$set/wav.scp"
    [[ -e data/$set/spk2utt ]] || utt2spk_to_spk2utt.pl "data/$set/utt2spk" > "data/$set/spk2utt"
    get_utt2dur.sh "data/$set"
    if $cut; then
      n=40
      if [[ $set == train ]]; then n=200; fi
      rm -rf data/whole && mv "data/$set" data/whole
      subset_data_dir.sh data/whole "$n" "data/$set"
      rm -rf data/whole
    fi
  done
fi

if begin_stage 2 "features"; then
  features.sh --nj "$nj" --max-failures "$max_failures" --train-dither 1 data dump "${sets[@]}"
fi

if begin_stage 3 "training of $runs, $train_jobs at a time"; then train_runs; fi
if begin_stage 4 "decoding"; then decode_runs utt2spk; fi
if begin_stage 5 "report"; then
  report_runs "fsdd: connected digits, real speech"
  if [[ -n $data && -e $data/results.json ]]; then
    local/compare_reference.py "$data/results.json" exp/report/report.json | tee exp/report/reference.txt
  fi
  transcribe_line "$PWD/exp"
fi
