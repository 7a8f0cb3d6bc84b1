#!/usr/bin/env bash
# The laboratory: many kinds of mixtures on the same data, each from several seeds, with what can be concluded.
#
# Usage: egs/moe-lab/run.sh [options]
#   --tasks "polyglot"   of tasks/*.conf: polyglot (espeak-ng), debian (real speech, 13 languages)
#   --systems "all"      of systems/*.conf; those that this build does not know are left out, with a message
#   --seeds "1 2 3"      of training; 900 and above are for choices made on dev
#   --results DIR        default: docs/results of this repository. A result that is there, of the same recipe and data, is kept
#                        and not made again, whoever made it: <DIR>/<task>/<system>-<seed>.json
#   --hours 0            stop after so many hours; what is left is told, and done by the next call, which goes on with a training
#                        that was stopped. 0: no limit
#   --jobs N             trainings at a time; default: the number of processors
#   --packages DIR       Debian's packages, unpacked, for --tasks debian; else they are fetched
#   --out DIR            data, models and logs: DIR/<task>; default: out where the recipe is
#   --find-effect true   instead: look on dev, for at most --hours (3 if not given), for sizes at which dense-wide beats dense
#                        by more than could be seen: <DIR>/<task>/effect.json; prints the power curve
#   --stage 1, --stop-stage 5   1 data, 2 learning rates, 3 training, decoding, scoring, 4 speed, one process at a time,
#                        5 report (docs/moe-lab.md)
#   --cut true           few utterances, two epochs, one seed, results below --out: shows in minutes that all parts run, no more
here=$PWD
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ./cmd.sh
tasks=polyglot
systems=all
seeds=
results=
hours=0
jobs=$(nproc)
packages=
out=out
find_effect=false
cut=false
parse_options "$@"
[[ ${#args[@]} -eq 0 ]] || usage_error "unknown argument '${args[0]}'"
suffix=
if $cut; then suffix=-cut; : "${seeds:=1}"; fi
: "${seeds:=1 2 3}"
if [[ $out == out ]]; then out=$PWD/out; elif [[ $out != /* ]]; then out=$here/$out; fi
if [[ -z $results ]]; then
  results=$U2MOE_ROOT/docs/results
  if $cut; then results=$out/results-cut; fi
elif [[ $results != /* ]]; then
  results=$here/$results
fi
if [[ -n $packages && $packages != /* ]]; then packages=$here/$packages; fi
[[ $hours =~ ^[0-9]*\.?[0-9]+$ ]] || usage_error "--hours is a number, not '$hours'"
[[ $jobs =~ ^[1-9][0-9]*$ ]] || usage_error "--jobs is a number above 0, not '$jobs'"
check_choices "$systems" "$seeds" -1
for seed in $seeds; do
  ((10#$seed < 900)) || usage_error "--seeds: those from 900 on are for choices made on dev, not for results"
done
for task in $tasks; do
  [[ -e tasks/$task.conf ]] || usage_error "--tasks: there is no tasks/$task.conf"
done
if [[ $systems == all ]]; then systems=$(for f in systems/*.conf; do basename "$f" .conf; done); fi
for system in $systems; do
  [[ -e systems/$system.conf ]] || usage_error "--systems: there is no systems/$system.conf"
done
need_commands python3 nnet-train
until=0
if $find_effect && [[ $hours == 0 ]]; then hours=3; fi
if [[ $hours != 0 ]]; then until=$(($(date +%s) + $(LC_ALL=C awk -v h="$hours" 'BEGIN { printf "%.0f", 3600 * h }'))); fi
failed=
common=(--results "$results" --cut "$cut" --until "$until")

for task in $tasks; do
  dir=$out/$task$suffix
  if begin_stage 1 "$task: data"; then
    options=()
    while IFS= read -r -d '' word; do options+=("$word"); done < <(local/task_options.py --cut "$cut" "$task")
    local/make_data.sh --nj "$nj" --packages "$packages" "$task" "$dir" "${options[@]}"
  fi
  if $find_effect; then
    if begin_stage 2 "$task: looking for an effect"; then
      local/find_effect.py "${common[@]}" --jobs "$jobs" "$task" "$dir"
    fi
    continue
  fi
  # What begins with another system's model waits for it.
  first=
  second=
  if ((stage <= 3 && stop_stage >= 2)); then
    there=$(local/run_system.py "${common[@]}" --only check "$task" "$dir" "$systems" 1)
    for system in $there; do
      if grep -qE '^(from|model-of)=' "systems/$system.conf"; then second+=" $system"; else first+=" $system"; fi
    done
  fi
  if begin_stage 2 "$task: learning rate and warm-up of each system, on dev"; then
    for wave in "$first" "$second"; do
      list=$(tr ' ' , <<< "${wave# }")
      [[ -n $list ]] || continue
      run-jobs --title="learning rates" --max-jobs="$jobs" --keep-going JOB="$list" "$dir/exp/JOB/log/rate.log" \
        local/run_system.py "${common[@]}" --only rate "$task" "$dir" JOB 0 || failed=true
    done
  fi
  if begin_stage 3 "$task: training, decoding and scoring"; then
    for wave in "$first" "$second"; do
      [[ -n $wave ]] || continue
      for seed in $seeds; do
        list=$(for s in $wave; do echo "$s"; done | paste -sd,)
        run-jobs --title="seed $seed" --max-jobs="$jobs" --keep-going JOB="$list" "$dir/exp/JOB/log/run.$seed.log" \
          local/run_system.py "${common[@]}" "$task" "$dir" JOB "$seed" || failed=true
      done
    done
  fi
  if begin_stage 4 "$task: speed, one process at a time"; then
    for system in $systems; do
      local/run_system.py "${common[@]}" --only speed "$task" "$dir" "$system" "${seeds%% *}" || failed=true
    done
  fi
done
if ! $find_effect && begin_stage 5 "report"; then
  if $cut; then
    local/report.py --results "$results" --tasks "$tasks" --print true "$out/moe-lab-cut.md"
  else
    local/report.py --results "$results" --tasks "polyglot debian" "$U2MOE_ROOT/docs/moe-lab.md"
  fi
fi
if [[ -n $failed ]]; then die "some of the above failed; what did not is kept, and the next call goes on"; fi
