#!/usr/bin/env bash
# Trains one model from one seed and averages its best epochs.
#
# Usage: train.sh [options] <dump-dir> <model-dir>
#   e.g. train.sh --epochs 20 dump exp/moe/777
#   --epochs N    default: conf/train.conf
#   --average 5   epochs of lowest dev loss to average
#   --threads 1
#   --max-failures 0   how many utterances may fail: a count, or a share like 5%
#
# The folder's last two names say what to train: conf/<model>.conf, from seed <seed>, with the settings of
# conf/train.conf and, if there is one, of conf/<model>.train.conf. Writes train.conf, init.safetensors,
# log.jsonl, final.safetensors (the average) and info.json. A run that was cut off goes on after its last
# whole epoch, unless data or settings have changed since.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
epochs=
average=5
threads=1
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 2 ]] || usage_error "a dump folder and a model folder are needed"
dump=${args[0]} exp=${args[1]}
seed=${exp##*/}
model=${exp%/*}
model=${model##*/}
need_file "conf/$model.conf" "the last two names of the folder are <model>/<seed>"
[[ $seed =~ ^[0-9]+$ ]] || usage_error "the folder '$exp' ends with no seed"
for file in units.txt cmvn.stats train/tokens dev/tokens; do
  need_file "$dump/$file" "make the features first (--stage 2)"
done
export OPENBLAS_NUM_THREADS=$threads
mkdir -p "$exp"

settings=$(cat conf/train.conf)
if [[ -e conf/$model.train.conf ]]; then settings+=$'\n'$(< "conf/$model.train.conf"); fi
bpe=()
if [[ -e $dump/bpe.model ]]; then bpe=(--bpe-model="$dump/bpe.model"); fi
inputs=$(cat "conf/$model.conf" - conf/fbank.conf "$dump"/{units.txt,cmvn.stats} "${bpe[@]#*=}" \
  "$dump"/{train,dev}/tokens <<< "$settings" | cksum)
inputs+=" epochs=$epochs average=$average"  # threads make no difference
if [[ -e $exp/inputs && $(< "$exp/inputs") != "$inputs" ]]; then
  say "data or settings have changed: $exp begins anew"
  rm -f "$exp"/*.safetensors "$exp"/{log.jsonl,run.txt,info.json}
  rm -rf "$exp/decode" "$exp"/routing.*
fi
echo "$inputs" > "$exp/inputs"
echo "$settings" > "$exp/train.conf"

nnet-init --units="$dump/units.txt" "${bpe[@]}" --cmvn="$dump/cmvn.stats" --fbank-config=conf/fbank.conf \
  --seed="$seed" "conf/$model.conf" "$exp/init.safetensors"
nnet-train --config="$exp/train.conf" ${epochs:+--epochs="$epochs"} --seed="$seed" \
  --max-failures="$max_failures" --threads="$threads" --average="$average" --exp-dir="$exp" \
  --dev-feats="scp:$dump/dev/feats.scp" --dev-tokens="ark,t:$dump/dev/tokens" \
  "$exp/init.safetensors" "scp:$dump/train/feats.scp" "ark,t:$dump/train/tokens" \
  "$exp/final.safetensors"
nnet-info --json=true "$exp/final.safetensors" > "$exp/info.json.tmp"
mv "$exp/info.json.tmp" "$exp/info.json"
