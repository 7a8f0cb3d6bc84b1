#!/usr/bin/env bash
# Which experts a model chooses on a test set; does nothing for a model without experts.
#
# Usage: routing.sh [--labels "<utt2label> ..."] [--max-failures 0] <dump-dir> <set> <model-dir>
#   e.g. routing.sh --labels data/test_clean/utt2lang dump test_clean exp/moe/777
#
# Counts encoder frames and, in the decoders, the tokens of the transcripts. Writes <model-dir>/routing.{txt,json}, which
# also count by the first label; for each further one of 2 to 64 values routing.<label>.json. make-report draws them.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
labels=
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 3 ]] || usage_error "a dump folder, a set and a model folder are needed"
dump=${args[0]} set=${args[1]} exp=${args[2]}
need_file "$exp/info.json" "train the model first (--stage 3)"
if ! grep -q '"num_experts": *[1-9]' "$exp/info.json"; then
  say "$exp has no experts"
  exit 0
fi
read -ra files <<< "$labels"
routes() { # <utt2label or nothing> <json>
  moe-route-stats --max-failures="$max_failures" ${1:+--labels="ark:$1"} --tokens="ark,t:$dump/$set/tokens" \
    --json="$2" "$exp/final.safetensors" "scp:$dump/$set/feats.scp"
}
rm -f "$exp"/routing.*.json
mkdir -p "$exp/log"
routes "${files[0]-}" "$exp/routing.json" > "$exp/routing.txt"
for file in "${files[@]:1}"; do
  values=$(awk '{ print $2 }' "$file" | sort -u | wc -l)
  if ((values >= 2 && values <= 64)); then
    name=${file##*/}
    routes "$file" "$exp/routing.${name#utt2}.json" > "$exp/log/routing.${name#utt2}.txt"
  fi
done
