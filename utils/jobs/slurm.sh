#!/usr/bin/env bash
# The engine of utils/run-jobs for Slurm: one job array; its jobs tell in files of a folder that all nodes see. A job
# that failed is submitted again by itself. TERM cancels all and waits until they are gone.
#
# What Slurm's programs print is taken only in the form that is asked for. Some sites have them print more (greetings,
# notices, errors with status 0): that is shown, and nothing is concluded from it.
#
# Usage: slurm.sh <folder>
set -euo pipefail
shopt -s nullglob
dir=$1
. "$dir/settings"
job=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/job.sh
for tool in sbatch squeue scancel scontrol; do
  if ! type -P "$tool" > /dev/null; then
    echo "$tool is not on PATH: is this a host of a Slurm cluster? (Debian package slurm-client)" >&2
    : > "$dir/broken"
    exit 1
  fi
done

stopping=
trap 'stopping=1' TERM
exec {never}<> <(:)
nap() { read -rt "$1" -u "$never" || true; } # a sleep that a signal ends

job_name=${title:-${command[0]##*/}}
parsable='^([0-9]+)(;([A-Za-z0-9_.-]+))?$' # what sbatch --parsable prints: id, or id;cluster
ids=()                       # of the arrays that were submitted
declare -A id_of=() try_of=() # of each index that runs or waits
submit() { # <attempt> <array specification> <index>...
  local attempt=$1 array=$2 id index printed status=0
  shift 2
  printed=$(printf '#!/bin/bash\nexec %q %q "$SLURM_ARRAY_TASK_ID" %d\n' "$job" "$dir" "$attempt" |
    sbatch --parsable --array="$array" --job-name="$job_name" \
      --cpus-per-task="$num_threads" --no-requeue --export=ALL --chdir="$work_dir" \
      --output="${dir//%/%%}/slurm.%a.$attempt.out" "${sbatch_options[@]}") || status=$?
  if ((status != 0)); then
    if [[ -n $printed ]]; then echo "$printed" >&2; fi
    exit "$status"
  fi
  if ! [[ $printed =~ $parsable ]]; then
    not_believed "$printed"
    exit 1
  fi
  id=${BASH_REMATCH[1]}
  if [[ -n ${BASH_REMATCH[3]} ]]; then export SLURM_CLUSTERS=${BASH_REMATCH[3]}; fi # where to ask for it and cancel it
  ids+=("$id")
  for index in "$@"; do id_of[$index]=$id try_of[$index]=$attempt; done
}

# Shows what sbatch printed in place of a job id. There may be a job: if one line alone could be its id and squeue knows
# an array of ours by it, it is cancelled; else the user is told what to look for.
not_believed() { # <output>
  local line found=() left
  echo "sbatch --parsable has printed this, not a job id alone:" >&2
  sed 's/^/  | /' <<< "$1" >&2
  while read -r line; do
    if [[ $line =~ $parsable ]]; then found+=("${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}"); fi
  done <<< "$1"
  if [[ ${#found[@]} -eq 2 ]]; then
    ids+=("${found[0]}")
    if [[ -n ${found[1]} ]]; then export SLURM_CLUSTERS=${found[1]}; fi
    if left=$(queued 2> /dev/null) && [[ -n $left ]]; then
      echo "job ${found[0]}, which it seems to have submitted, is cancelled" >&2
      cancel
      return
    fi
    unset 'ids[-1]'
  fi
  echo "a job called '$job_name' may have been submitted: look with squeue --me --name='$job_name', cancel it with" \
    "scancel. sbatch must print nothing else to stdout (a greeting in a wrapper, in cli_filter or in a profile?)" >&2
}

# Cancels what is left and waits for it, a minute and a half at most.
cancel() {
  local i left status odd=0
  [[ ${#ids[@]} -gt 0 ]] || return 0
  scancel "${ids[@]}" >&2 || echo "scancel failed with status $?" >&2 # our stdout is for what jobs tell
  for ((i = 0; i < 180; i++)); do
    status=0
    left=$(queued 2> /dev/null) || status=$?
    if ((status == 0)) && [[ -z $left ]]; then return 0; fi
    if ((status == 2 && ++odd >= 10)); then break; fi # what it prints will not change
    nap 0.5
  done
  queued > /dev/null || true # for its word on stderr
  echo "not all jobs are gone; look with squeue, and cancel with: scancel ${ids[*]}" >&2
}

# Prints "<id> <index>" of what Slurm still has; fails if it cannot say: 1 without an answer, 2 with an odd one.
queued() {
  local out status=0 list line
  list=$(IFS=, && echo "${ids[*]}")
  out=$(squeue -h -r -j "$list" -o '%F %K' 2> "$dir/squeue.err") || status=$?
  if ((status != 0)); then
    # Slurm forgets jobs some minutes after their end.
    if [[ -z $out ]] && grep -q "Invalid job id" "$dir/squeue.err"; then return 0; fi
    cat "$dir/squeue.err" >&2
    return 1
  fi
  while read -r line; do
    if [[ -z $line || ($line == "CLUSTER: "* && -v SLURM_CLUSTERS) ]]; then continue; fi
    if ! [[ $line =~ ^[0-9]+\ [0-9]+$ ]]; then
      echo "squeue has printed this, not ids and indices of jobs alone:" >&2
      sed 's/^/  | /' <<< "$out" >&2
      return 2
    fi
    echo "$line"
  done <<< "$out"
}

# The state of a job as scontrol tells it; nothing where it does not tell of this one.
state_of() { # <id> <index>
  scontrol show job -o "$1_$2" 2> /dev/null |
    sed -nE "s/^JobId=([0-9]+ ArrayJobId=)?$1 (ArrayTaskId=$2 )?(.* )?JobState=([A-Z_]+)( .*)?\$/\\4/p" | head -n 1 || true
}

finish_attempt() { # end|stopped <index> <attempt> <status>
  echo "$*"
  if [[ -n $stopping ]]; then return; fi
  if [[ ! -v id_of[$2] || ${try_of[$2]-} != "$3" ]]; then return; fi
  unset "id_of[$2]"
  if [[ $4 == 0 ]]; then return; fi
  if (($3 <= retries)); then
    submit $(($3 + 1)) "$2" "$2"
  elif ! $keep_going; then
    stopping=1
  fi
}

# Reports what the jobs have told since.
collect() {
  local file kind index attempt status
  # Over NFS a folder that one has just written to is listed anew.
  : > "$dir/look"
  for file in "$dir"/event.*.start "$dir"/event.*.end "$dir"/event.*.stopped; do
    read -r kind index attempt status < "$file" || true
    rm -f "$file"
    if [[ $kind == start ]]; then
      echo "start $index $attempt"
    else
      finish_attempt "$kind" "$index" "$attempt" "$status"
      told=1
    fi
  done
}

# Finds the jobs that Slurm no longer has but that told no end. Their last files may be on their way yet, so only
# what is missing for long is given up.
declare -A missing=()
squeue_is_odd=
find_lost() {
  local index list state status=0
  list=$(queued 2> "$dir/queued.err") || status=$?
  if ((status == 2)) && [[ -z $squeue_is_odd ]]; then
    squeue_is_odd=1
    cat "$dir/queued.err" >&2
    echo "so a job that is killed without a word will not be noticed" >&2
  fi
  if ((status != 0)); then return 0; fi # the controller does not answer: patience
  for index in "${!id_of[@]}"; do
    if grep -qx "${id_of[$index]} $index" <<< "$list"; then
      unset "missing[$index]"
      continue
    fi
    missing[$index]=${missing[$index]:-$SECONDS}
    state=$(state_of "${id_of[$index]}" "$index")
    case $state in
      PENDING | CONFIGURING | RUNNING | SUSPENDED | STOPPED | COMPLETING | REQUEUE* | RESIZING | SIGNALING | STAGE_OUT)
        unset "missing[$index]" # squeue and scontrol do not agree; it may live
        continue
        ;;
      "" | COMPLETED) grace=60 ;;
      *) grace=5 ;;
    esac
    if ((SECONDS - missing[$index] >= grace)); then
      echo "Slurm says of it: ${state:-nothing}" >> "$dir/slurm.$index.${try_of[$index]}.out"
      finish_attempt end "$index" "${try_of[$index]}" lost
    fi
  done
}

# However it ends, with an error of sbatch too: no job is left to itself.
finish() {
  if (($? != 0)); then : > "$dir/broken"; fi
  if [[ ${#id_of[@]} -gt 0 ]]; then
    stopping=1
    cancel
    collect
  fi
}
trap finish EXIT

mapfile -t all < <(seq "$count")
submit 1 "1-$count${max_jobs:+%$max_jobs}" "${all[@]}"
poll=0.3
next_look=5
while [[ -z $stopping && ${#id_of[@]} -gt 0 ]]; do
  nap "$poll"
  told=
  collect
  if ((SECONDS > 300)); then poll=3; elif ((SECONDS > 30)); then poll=1; fi
  if [[ -z $stopping && -z $told ]] && ((SECONDS >= next_look)); then
    find_lost
    next_look=$((SECONDS + (SECONDS < 60 ? 5 : 15)))
  fi
done
