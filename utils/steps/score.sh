#!/usr/bin/env bash
# Word error rates of all that decode.sh has written for a test set.
#
# Usage: score.sh <text> <set> <model-dir>
#   e.g. score.sh data/test_clean/text test_clean exp/moe/777
#
# Writes <model-dir>/decode/<set>/<chunk>/<mode>.{wer,wer.json,per_utt}.
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
parse_options "$@"
[[ ${#args[@]} -eq 3 ]] || usage_error "a text, a set and a model folder are needed"
text=${args[0]} set=${args[1]} exp=${args[2]}
for hyp in "$exp/decode/$set"/*/*.text; do
  base=${hyp%.text}
  need_file "$hyp" "decode first (--stage 4)"
  compute-wer --bootstrap=1000 --per-utt="$base.per_utt" --json="$base.wer.json" \
    "ark:$text" "ark:$hyp" > "$base.wer"
done
