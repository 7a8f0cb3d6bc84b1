#!/usr/bin/env bash
# Which experts a model chooses on a test set; does nothing for a model without experts.
#
# Usage: routing.sh [--labels <utt2label>] [--max-failures 0] <dump-dir> <set> <model-dir>
#   e.g. routing.sh --labels data/test_clean/utt2lang dump test_clean exp/moe/777
#
# Counts encoder frames and, in the decoders, the tokens of the transcripts. Writes
# <model-dir>/routing.{txt,json,png}; the text also counts by label.
set -euo pipefail
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
labels=
max_failures=0
parse_options "$@"
[[ ${#args[@]} -eq 3 ]] || usage_error "a dump folder, a set and a model folder are needed"
dump=${args[0]} set=${args[1]} exp=${args[2]}
need_file "$exp/info.json" "train the model first (--stage 3)"
if ! grep -q '"num_experts": *[1-9]' "$exp/info.json"; then
  say "$exp has no experts"
  exit 0
fi
moe-route-stats --max-failures="$max_failures" ${labels:+--labels="ark:$labels"} --tokens="ark,t:$dump/$set/tokens" \
  --plot="$exp/routing.png" --json="$exp/routing.json" \
  "$exp/final.safetensors" "scp:$dump/$set/feats.scp" > "$exp/routing.txt"
