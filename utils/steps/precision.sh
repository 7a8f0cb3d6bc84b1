#!/usr/bin/env bash
# What fewer bits per weight cost in words and save in bytes and time: a trained model quantised by
# nnet-quantize in several ways decodes test sets. Prints a table, the float32 model first.
#
# Usage: precision.sh [options] <dump-dir> <data-dir> <model-dir> <set>...
#   e.g. precision.sh --chunk 16 dump data exp/moe/777 test_clean test_noisy
#   --chunk -1             chunk size in encoder frames; -1: whole utterances
#   --weights "float32 bfloat16 int8 int4"
#   --what "all"           of --weights, several allowed (nnet-quantize --what)
#
# Reads <model-dir>/final.safetensors. Writes <model-dir>/precision/<chunk>/: models, texts, scores
# and table.txt. RTF is processor time of the encoder over the length of the audio.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
chunk=-1
weights="float32 bfloat16 int8 int4"
what="all"
parse_options "$@"
enter_recipe
[[ ${#args[@]} -ge 4 ]] || usage_error "dump, data and model folders and a set are needed"
dump=${args[0]} data=${args[1]} exp=${args[2]}
sets=("${args[@]:3}")
need_file "$exp/final.safetensors" "train it first (--stage 3)"
dir=$exp/precision/$chunk
mkdir -p "$dir"
export OPENBLAS_NUM_THREADS=1

json() { # <file> <expression of d>
  python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
row() { # <name> <model>
  local name=$1 model=$2 set base streaming=false line
  if ((chunk > 0)); then streaming=true; fi
  line=$(LC_ALL=C awk -v name="$name" -v bytes="$(stat -c %s "$model")" 'BEGIN { printf "%-16s %8.2f", name, bytes / 1000000 }')
  for set in "${sets[@]}"; do
    base=$dir/$name.$set
    rm -f "$base.log"
    logged "$base.log" nnet-forward --chunk-size="$chunk" --streaming=$streaming --batch-seconds=0 --stats="$base.forward.json" "$model" \
      "scp:$dump/$set/feats.scp" "ark:$base.logp" "ark:$base.encoder"
    rescored_text "$model" "$dump/units.txt" "$base"
    logged "$base.log" compute-wer --bootstrap --json="$base.json" --per-utt="$base.per_utt" "ark:$data/$set/text" \
      "ark:$base.text" > "$base.wer"
    rm -f "$base.logp" "$base.encoder"
    line+=$(printf ' %9.2f %9.5f' "$(json "$base.json" "d['error_rate']")" \
      "$(json "$base.forward.json" "d['cpu_seconds'] / d['audio_seconds']")")
  done
  echo "$line"
}
{
  printf '%-16s %8s' weights MB
  for set in "${sets[@]}"; do printf ' %9s %9s' "WER" "RTF"; done
  printf '   %s; chunk %s, rescored\n' "${sets[*]}" "$chunk"
  for w in $weights; do
    for kind in $what; do
      name=$w.$kind
      if [[ $w == float32 ]]; then name=$w; fi
      [[ $w != float32 || $kind == "${what%% *}" ]] || continue
      nnet-quantize --weights="$w" --what="$kind" "$exp/final.safetensors" \
        "$dir/$name.safetensors" > "$dir/$name.sizes" 2> "$dir/$name.log"
      row "$name" "$dir/$name.safetensors"
    done
  done
} | tee "$dir/table.txt.tmp"
mv "$dir/table.txt.tmp" "$dir/table.txt"
