#!/usr/bin/env bash
# Word error rates of all that decode.sh has written for a test set.
#
# Usage: score.sh [options] <text> <set> <model-dir>
#   e.g. score.sh data/test_clean/text test_clean exp/moe/777
#   --chunks ""     chunk sizes to score; default: all that are there
#   --mode strict   what has no result is an error; all: it counts as no words at all (compute-wer --help)
#   --normalize none, --normalize-map ""   what is done to both sides first, as in compute-wer
#
# Writes <model-dir>/decode/<set>/<chunk>/<mode>.{wer,cer}: words, and characters without spaces; with
# .json for programs and .per_utt with the alignment of each utterance beside each.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
chunks=
mode=strict
normalize=none
normalize_map=
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 3 ]] || usage_error "a text, a set and a model folder are needed"
text=${args[0]} set=${args[1]} exp=${args[2]}
texts=()
# Results of other chunks may be of other data.
for chunk in ${chunks:-'*'}; do
  # shellcheck disable=SC2206  # a pattern
  texts+=("$exp/decode/$set"/$chunk/*.text)
done
for hyp in "${texts[@]}"; do
  base=${hyp%.text}
  need_file "$hyp" "decode first (--stage 4)"
  for unit in wer cer; do
    chars=false
    if [[ $unit == cer ]]; then chars=true; fi
    compute-wer --mode="$mode" --char=$chars --normalize="$normalize" \
      --normalize-map="$normalize_map" --bootstrap --json="$base.$unit.json" \
      --per-utt="$base.$unit.per_utt" "ark:$text" "ark:$hyp" > "$base.$unit"
  done
done
