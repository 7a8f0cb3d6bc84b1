#!/usr/bin/env bash
# Real speech in 13 languages out of Debian's packages: 8.4 hours, from apt-get to the table of dense against MoE.
#
# Usage: egs/debian/run.sh [options]
#   --langs "ru cs ..."   of be bg ca cs da el en es fr it nl ro ru; default: all
#   --packages DIR      the packages are unpacked there (DIR/usr/...); else apt-get fetches them below corpus/.
#                       Nothing is installed into the system
#   --models "moe dense"   also dense-wide; conf/<size> of egs/own-data
#   --size small, --epochs N, --learning-rate X, --seeds "777", --chunks "-1 16", --units char, --max-failures 0,
#   --normalize-map FILE, --nj N, --train-jobs N   as in egs/own-data/run.sh
#   --normalize lowercase,no-punctuation   what is done to all texts, those of --lm true too; none: as the packages write them
#   --lm true           also language models of each language, out of text in Debian's packages (local/lm_packages.txt, fetched
#                       below corpus/ too) but for what dev or test say, and hot words: exp/report/words.txt
#   --dir FOLDER        for conf, data, dump, exp; default: out where the recipe is
#   --stage 1, --stop-stage 8   1 packages, 2 data directories; then egs/own-data: 3 data and plan, 4 features,
#                       5 training, 6 decoding, 7 report, 8 words (--lm true)
#   --cut true          few utterances and epochs, size tiny: shows that all parts run, no more
# corpus/ takes 0.8 GB for all languages, and 0.2 GB more while it is fetched.
here=$PWD
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ../own-data/cmd.sh
. ../own-data/local/check_options.sh
all="be bg ca cs da el en es fr it nl ro ru"
langs=$all
packages=
models="moe dense"
size=
epochs=
learning_rate=
seeds=777
chunks="-1 16"
units=char
normalize=lowercase,no-punctuation
normalize_map=
max_failures=0
dir=out
lm=false
cut=false
parse_options "$@"
[[ ${#args[@]} -eq 0 ]] || usage_error "unknown argument '${args[0]}'"
for lang in $langs; do
  [[ " $all " == *" $lang "* ]] || usage_error "--langs: '$lang' is none of $all"
done
[[ -n ${langs// /} ]] || usage_error "--langs names no language"
if [[ $dir == out ]]; then dir=$PWD/out; elif [[ $dir != /* ]]; then dir=$here/$dir; fi
if [[ -n $packages && $packages != /* ]]; then packages=$here/$packages; fi
[[ -z $packages || -d $packages/usr ]] || usage_error "--packages: there is no folder '$packages/usr'"
check_options ../own-data/conf
need_commands python3 nnet-train # now, not when the report is due
# What is made for one folder is kept apart from what is made for another.
corpus=$dir/corpus
take_folder "$dir" "$(realpath -m "$corpus")"

if begin_stage 1 "packages"; then
  if [[ -z $packages ]]; then local/fetch.sh --langs "$langs" corpus; else say "those in $packages are taken"; fi
  if $lm && [[ -z $packages ]]; then local/fetch.sh --langs "$langs" --list local/lm_packages.txt corpus/texts; fi
fi
root=${packages:-$PWD/corpus}

if begin_stage 2 "data directories"; then
  rm -rf "$corpus"
  mkdir -p "$corpus/data"
  local/prepare.py --langs "$langs" "$root" "$corpus/all"
  normalize_data_dir "$corpus/all" "$corpus/normalize.log"
  audio_facts.sh --nj "$nj" "$corpus/all"
  filter_utts.sh --min-seconds 0.4 --max-seconds 15 --max-letters-per-second 25 --labels false "$corpus/all"
  options=()
  if [[ -e $root/packages.txt ]]; then options+=(--versions "$root/packages.txt"); fi
  if [[ -z $packages ]]; then options+=(--expect); fi
  local/check.py "${options[@]}" "$corpus/all" | tee "$corpus/languages.txt"
  split_off_set.sh --by text --share 0.15 "$corpus/all" "$corpus/rest" "$corpus/data/test"
  split_off_set.sh --by text --share 0.06 --max-utts 600 "$corpus/rest" "$corpus/data/train" "$corpus/data/dev"
  if $lm; then
    # Texts of packages that hold what is said in dev or test: those sentences are left out.
    local/package_text.py --langs "$langs" --normalize "$normalize" --normalize-map "$normalize_map" --without "$corpus/data/dev/text $corpus/data/test/text" "${packages:-$PWD/corpus/texts}" "$corpus/lm"
  fi
fi

if ((stop_stage >= 3)); then
  begin=$((stage > 3 ? stage - 2 : 1))
  last_stage=7
  further=()
  if $lm; then last_stage=8 further=(--lm true --lm-text "$corpus/lm"); fi
  stages_run=$((stages_run + 1)) # the other recipe says whether its stages are there
  need_file "$corpus/data/train/wav.scp" "make the data directories first (--stage 2)"
  current_stage= # the other recipe says which one failed
  export U2MOE_CALLED_AS=$0 U2MOE_STAGES_BEFORE=2
  ../own-data/run.sh --data "$corpus" --dir "$dir" --models "$models" --size "$size" --epochs "$epochs" \
    --learning-rate "$learning_rate" --seeds "$seeds" --chunks "$chunks" --units "$units" \
    --normalize "$normalize" --normalize-map "$normalize_map" --max-failures "$max_failures" --nj "$nj" --train-jobs "$train_jobs" \
    --cut "$cut" "${further[@]}" --stage "$begin" --stop-stage $((stop_stage - 2))
fi
