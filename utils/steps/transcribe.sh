#!/usr/bin/env bash
# What is said in recordings, by a trained model: features, encoder, search, rescoring by both decoders.
#
# Usage: transcribe.sh [options] <model> <recording>...
#   e.g. transcribe.sh exp/moe/777/final.safetensors talk.ogg
#   --chunk-size -1   encoder frames; -1 sees the whole recording, others stream, in little memory
#   --channel 0       of recordings with several
#   --max-failures 0  how many of several recordings may fail: a count, or a share like 5%
#
# Any format that libsndfile reads, at any sampling rate. Prints a line "name text" for each. Units and feature options
# are those that the model file holds.
utils=$(cd "$(dirname "$0")/.." && pwd)
. "$utils/recipe.sh"
export PATH=$utils/../build/${U2MOE_FLAVOUR:-cpu}/bin:$utils:$PATH
chunk_size=-1
channel=0
max_failures=0
parse_options "$@"
[[ ${#args[@]} -ge 2 ]] || usage_error "a model and recordings are needed"
model=${args[0]}
need_file "$model" "the model, as nnet-train or nnet-import writes it"
need_commands nnet-info compute-fbank-feats nnet-forward ctc-decode attention-rescore tokens-to-text
[[ $chunk_size =~ ^-?[0-9]+$ ]] || usage_error "--chunk-size is a number, not '$chunk_size'"
scratch=$(mktemp -d)
: > "$scratch/log"
declare -A count # recordings of a name
for recording in "${args[@]:1}"; do
  need_file "$recording" "a recording"
  name=$(basename -- "$recording")
  name=${name//[[:space:]]/_}
  if [[ -v count[$name] ]]; then name+=-$((++count[$name])); else count[$name]=1; fi
  echo "$name $(realpath -- "$recording")" >> "$scratch/wav.scp"
done
streaming=false
if ((chunk_size > 0)); then streaming=true; fi
logged "$scratch/log" nnet-info --print=features "$model" > "$scratch/fbank.conf"
logged "$scratch/log" nnet-info --print=units "$model" > "$scratch/units.txt"
logged "$scratch/log" compute-fbank-feats --max-failures="$max_failures" --config="$scratch/fbank.conf" --dither=0 --channel="$channel" \
  --allow-downsample=true --allow-upsample=true "scp:$scratch/wav.scp" "ark:$scratch/feats"
logged "$scratch/log" nnet-forward --max-failures="$max_failures" --chunk-size="$chunk_size" --streaming=$streaming "$model" \
  "ark:$scratch/feats" "ark:$scratch/all.logp" "ark:$scratch/all.encoder"
rescored_text "$model" "$scratch/units.txt" "$scratch/all"
grep -a '^WARNING ' "$scratch/log" >&2 || true # such as a recording that failed
cat "$scratch/all.text"
