#!/usr/bin/env bash
# From nothing to the table of dense against MoE, on words spoken by espeak-ng in several languages.
#
# Usage: egs/polyglot/run.sh [options]
#   --seeds "1"         seeds of training; with two or more the report knows how much they matter
#   --models "dense-wide moe dense"   conf/<model>.conf each; the one that trains longest first;
#                       moe-few is moe, trained to use few experts (docs/performance.md)
#   --langs "de ..."    languages of espeak-ng with a list in local/words
#   --topics "days ..." of days, months, numbers, colours: what is spoken about
#   --per-topic 3       words of each topic and language; 0: all. More words want more utterances and epochs
#   --train 2000, --dev 120, --test 150   utterances of each set; --test counts for clean and for noisy
#   --units char        letters of the training text; bpe:N: N word pieces of it, by SentencePiece
#   --epochs N          default: conf/train.conf
#   --chunks "-1 16 4"  chunk sizes in encoder frames of 40 ms; -1: whole utterances
#   --max-failures 0    how many utterances a tool may fail on: a count, or a share like 5%
#   --lm true           also language models and hot words: word error rates with them beside their controls, exp/report/words.txt
#   --stage 1, --stop-stage 6   1 corpus, 2 features, 3 training, 4 decoding, 5 report, 6 words (--lm true)
#   --cut true          a small corpus and few epochs: shows in a few minutes that all parts run, no more
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ./cmd.sh
seeds=1
models="dense-wide moe dense"
langs="de en-us es fi fr-fr it pl tr"
topics="days numbers colours"
per_topic=3
train=
dev=
test=
units=char
epochs=
max_failures=0
chunks=
corpus_seed=1
lm=false
cut=false
parse_options "$@"
tests="test_clean test_noisy" # not an option: the corpus has these two
[[ ${#args[@]} -eq 0 ]] || usage_error "unknown argument '${args[0]}'"
if $cut; then
  : "${train:=300}" "${dev:=40}" "${test:=40}" "${epochs:=3}" "${chunks:=-1 16}"
fi
: "${train:=2000}" "${dev:=120}" "${test:=150}" "${chunks:=-1 16 4}"

check_choices "$models" "$seeds" "$chunks"
check_units "$units"
runs=$(list_runs "$models" "$seeds")
need_commands python3 nnet-train # now, not when the report is due

if begin_stage 1 "corpus: $train utterances to train, in $(wc -w <<< "$langs") languages"; then
  local/make_corpus.sh --langs "$langs" --topics "$topics" --per-topic "$per_topic" --train "$train" --dev "$dev" --test "$test" \
    --seed "$corpus_seed" --nj "$nj" corpus data
fi

if begin_stage 2 "features"; then
  # shellcheck disable=SC2086  # names of sets
  features.sh --nj "$nj" --units "$units" --max-failures "$max_failures" data dump train dev $tests
fi

if begin_stage 3 "training of $runs, $train_jobs at a time"; then train_runs; fi
if begin_stage 4 "decoding"; then decode_runs utt2lang; fi
if begin_stage 5 "report"; then
  report_runs "polyglot: spoken words in $(wc -w <<< "$langs") languages, units $units"
  transcribe_line "$PWD/exp"
fi
if $lm && begin_stage 6 "words: language models, graphs, hot words"; then words_runs; fi
