#!/usr/bin/env bash
# Decodes a test set with a trained model: whole utterances and in chunks; CTC greedy search, CTC
# prefix beam search, and its n-best list rescored by both attention decoders.
#
# Usage: decode.sh [options] <dump-dir> <set> <model-dir>
#   e.g. decode.sh --chunks "-1 16" dump test_clean exp/moe/777
#   --chunks "-1 16 4"     chunk sizes in encoder frames; -1 sees the whole utterance, the others
#                          stream with caches, all frames to the left in sight
#   --beam 10, --ctc-weight 0.5, --reverse-weight 0.3   of search and rescoring
#   --forward-opts ""      further options of nnet-forward, such as "--experts-per-frame=1"
#   --rescore-opts ""      the same of attention-rescore
#   --threads 1            of each tool
#   --max-failures 0       how many utterances may fail: a count, or a share like 5%
#
# Reads <model-dir>/final.safetensors. Writes <model-dir>/decode/<set>/<chunk>/{greedy,prefix,
# rescoring}.text and {forward,greedy,prefix,rescoring}.json with the time each took,
# and rtf.txt, their table.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
chunks="-1 16"
beam=10
ctc_weight=0.5
reverse_weight=0.3
forward_opts=
rescore_opts=
threads=1
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 3 ]] || usage_error "a dump folder, a set and a model folder are needed"
dump=${args[0]} set=${args[1]} exp=${args[2]}
model=$exp/final.safetensors
need_file "$model" "train it first (--stage 3)"
need_file "$dump/$set/feats.scp" "make the features first (--stage 2)"
export OPENBLAS_NUM_THREADS=$threads
tolerance=--max-failures=$max_failures

began=$SECONDS
read -ra chunk_list <<< "$chunks"
read -ra forward_options <<< "$forward_opts"
read -ra rescore_options <<< "$rescore_opts"
n=0
for chunk in "${chunk_list[@]}"; do
  dir=$exp/decode/$set/$chunk
  mkdir -p "$dir"
  streaming=false
  if ((chunk > 0)); then streaming=true; fi
  # One by one, for the time of each utterance.
  nnet-forward "${forward_options[@]}" --chunk-size="$chunk" --num-left-chunks=-1 --streaming=$streaming \
    --batch-seconds=0 --threads="$threads" --stats="$dir/forward.json" "$tolerance" \
    "$model" "scp:$dump/$set/feats.scp" "ark:$dir/logp.ark" "ark:$dir/encoder.ark"
  ctc-decode "$tolerance" --method=greedy --stats="$dir/greedy.json" \
    "ark:$dir/logp.ark" "ark,t:$dir/greedy.tokens"
  ctc-decode "$tolerance" --method=prefix-beam --beam="$beam" --nbest="$beam" --stats="$dir/prefix.json" \
    "ark:$dir/logp.ark" "ark,t:$dir/nbest.tokens" "ark,t:$dir/nbest.scores"
  awk '$1 ~ /-1$/ { sub(/-1$/, "", $1); print }' "$dir/nbest.tokens" > "$dir/prefix.tokens"
  attention-rescore "${rescore_options[@]}" "$tolerance" --ctc-weight="$ctc_weight" --reverse-weight="$reverse_weight" \
    --threads="$threads" --stats="$dir/rescoring.json" "$model" "ark:$dir/encoder.ark" \
    "ark,t:$dir/nbest.tokens" "ark,t:$dir/nbest.scores" "ark,t:$dir/rescoring.tokens"
  for mode in greedy prefix rescoring; do
    tokens-to-text "$tolerance" "$dump/units.txt" "ark,t:$dir/$mode.tokens" "ark,t:$dir/$mode.text"
  done
  rm -f "$dir/logp.ark" "$dir/encoder.ark"
  rtf-report "encoder=$dir/forward.json" "search=$dir/prefix.json" "rescoring=$dir/rescoring.json" \
    > "$dir/rtf.txt"
  n=$((n + 1))
  say "chunk $chunk decoded, $n of ${#chunk_list[@]}," \
    "$(duration $(((SECONDS - began) * (${#chunk_list[@]} - n) / n))) left"
done
