#!/usr/bin/env bash
# Words against time with fewer experts than the router chose: trained models decode test sets under
# several policies. Prints a table, plain first, and marks the fastest that makes at most 1 % more
# errors; draws the front.
#
# Usage: experts.sh [options] <dump-dir> <data-dir> <model-dirs> <set>...
#   e.g. experts.sh --chunk 16 dump data "exp/moe/777 exp/moe/778" test_clean test_noisy
#   --chunk -1             chunk size in encoder frames; -1: whole utterances
#   --policies "..."       of skip<share>, chunk<experts>, budget<experts>, exit<probability of blank>, joined by +;
#                          own: what is not named as the models themselves say, else off; <policy>@<name>: of --others
#   --others "..."         further models, trained otherwise: <name>=<model-dir>[,<model-dir>...], as many as <model-dirs>
#   --criterion quantile   how moe-calibrate chooses thresholds for a share
#   --nj 2                 decodings at a time
#   --rounds 3             after them the encoder alone is timed so often; the least processor time counts
#   --folder experts       <first model-dir>/<folder>/<chunk> receives scores, table.txt, table.json, front.svg
#
# Reads <model-dir>/final.safetensors and, to calibrate, <dump-dir>/dev. Errors of all models and sets
# are pooled. RTF is processor time of the encoder over the length of the audio.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
chunk=-1
policies="skip0.25 skip0.5 skip0.75 skip1 chunk2 chunk3 chunk4 budget2 budget3 budget4 exit0.9 exit0.99 exit0.999
  skip0.5+chunk4 skip0.75+chunk4 skip0.75+chunk3 skip0.75+chunk2 skip0.75+budget3 skip0.75+exit0.99 skip0.75+chunk4+exit0.99"
others=
criterion=quantile
rounds=3
nj=$(nproc)
folder=experts
parse_options "$@"
enter_recipe
[[ ${#args[@]} -ge 4 ]] || usage_error "dump, data and model folders and a set are needed"
dump=${args[0]} data=${args[1]}
read -ra models <<< "${args[2]}"
sets=("${args[@]:3}")
declare -A group # name -> model folders; '@': <model-dirs>
group['@']=${models[*]}
for other in $others; do
  [[ $other == ?*=?* ]] || usage_error "--others: '$other' is not <name>=<model-dir>"
  IFS=, read -ra dirs <<< "${other#*=}"
  ((${#dirs[@]} == ${#models[@]})) || usage_error "--others: '$other' names ${#dirs[@]} models, not ${#models[@]}"
  group[${other%%=*}]=${dirs[*]}
done
read -ra dirs <<< "${group[*]}"
for m in "${dirs[@]}"; do need_file "$m/final.safetensors" "train it first (--stage 3)"; done
need_file "$dump/dev/feats.scp" "make the features first (--stage 2)"
dir=${models[0]}/$folder/$chunk
mkdir -p "$dir"
export OPENBLAS_NUM_THREADS=1
streaming=false
if ((chunk > 0)); then streaming=true; fi

options=()
skip=
of=
read_policy() { # sets options, skip, the name of the models, and the models
  local part policy=${1%@*}
  of=@
  if [[ $1 == *@* ]]; then of=${1##*@}; fi
  [[ -v group[$of] ]] || usage_error "--policies: '$1': --others has no '$of'"
  read -ra models <<< "${group[$of]}"
  options=(--skip-second-gate=2 --chunk-experts=0 --expert-budget=0 --exit-blank=2)
  skip=
  if [[ +$policy+ == *+own+* ]]; then
    options=(--skip-second-gate=-1 --chunk-experts=-1 --expert-budget=-1 --exit-blank=-1)
  fi
  for part in ${policy//+/ }; do
    case $part in
      plain | own) ;;
      skip*) skip=${part#skip} options[0]=--skip-second-gate=-1 ;;
      chunk*) options[1]=--chunk-experts=${part#chunk} ;;
      budget*) options[2]=--expert-budget=${part#budget} ;;
      exit*) options[3]=--exit-blank=${part#exit} ;;
      *) usage_error "--policies: '$part' is none of skip, chunk, budget and exit" ;;
    esac
  done
}
# The model that policy `skip` of model number $1 takes, calibrated once.
model_of() {
  if [[ -z $skip ]]; then
    echo "${models[$1]}/final.safetensors"
    return
  fi
  local out=$dir/$criterion$skip$of.$1.safetensors
  if [[ ! $out -nt ${models[$1]}/final.safetensors ]]; then
    logged "${out%.safetensors}.log" moe-calibrate --skip="$skip" --criterion="$criterion" --chunk-size="$chunk" \
      "${models[$1]}/final.safetensors" "scp:$dump/dev/feats.scp" "$out" > "${out%.safetensors}.txt"
  fi
  echo "$out"
}
forward() { # <policy> <model number> <set> <statistics> <logp> <encoder>
  logged "$dir/$1/$2.$3.log" nnet-forward "${options[@]}" --chunk-size="$chunk" --streaming=$streaming --batch-seconds=0 --stats="$4" \
    "$(model_of "$2")" "scp:$dump/$3/feats.scp" "$5" "$6"
}
pooled() { awk -v prefix="$1" '{ print prefix $0 }' "$2"; } # keys that differ by model and set

all=(plain)
for p in $policies; do
  read_policy "$p" # a wrong one is better found now
  all+=("$p")
done
: > "$dir/ref.tmp"
for ((m = 0; m < ${#models[@]}; ++m)); do
  for set in "${sets[@]}"; do pooled "$m-$set-" "$data/$set/text" >> "$dir/ref.tmp"; done
done
mv "$dir/ref.tmp" "$dir/ref.text"
decode() { # <policy> <model number> <set>
  local base=$dir/$1/$2.$3
  forward "$1" "$2" "$3" "" "ark:$base.logp" "ark:$base.encoder"
  rescored_text "${models[$2]}/final.safetensors" "$dump/units.txt" "$base"
  logged "$base.log" moe-route-stats "${options[@]}" --chunk-size="$chunk" --json="$base.routes.json" \
    "$(model_of "$2")" "scp:$dump/$3/feats.scp" > /dev/null
  rm -f "$base.logp" "$base.encoder"
}
for p in "${all[@]}"; do
  read_policy "$p"
  mkdir -p "$dir/$p"
  rm -f "$dir/$p"/*
  pids=()
  for ((m = 0; m < ${#models[@]}; ++m)); do
    model_of "$m" > /dev/null # calibrated before jobs share it
    for set in "${sets[@]}"; do
      if ((${#pids[@]} >= nj)); then
        wait "${pids[0]}"
        pids=("${pids[@]:1}")
      fi
      decode "$p" "$m" "$set" &
      pids+=($!)
    done
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  for ((m = 0; m < ${#models[@]}; ++m)); do
    for set in "${sets[@]}"; do pooled "$m-$set-" "$dir/$p/$m.$set.text"; done
  done > "$dir/$p/hyp.text"
  logged "$dir/$p/wer.log" compute-wer --bootstrap --compare="ark:$dir/plain/hyp.text" --json="$dir/$p/wer.json" \
    "ark:$dir/ref.text" "ark:$dir/$p/hyp.text" > "$dir/$p/wer.txt"
  say "$p: $(head -n 1 "$dir/$p/wer.txt")"
done
# Rounds of all policies in turn, so that a machine that is busy for a while slows none alone.
for ((round = 0; round < rounds; ++round)); do
  for p in "${all[@]}"; do
    read_policy "$p"
    for ((m = 0; m < ${#models[@]}; ++m)); do
      for set in "${sets[@]}"; do forward "$p" "$m" "$set" "$dir/$p/$m.$set.$round.json" ark:/dev/null ark:/dev/null; done
    done
  done
done
expert_front.py "$dir" "${all[@]}" | tee "$dir/table.txt.tmp"
mv "$dir/table.txt.tmp" "$dir/table.txt"
