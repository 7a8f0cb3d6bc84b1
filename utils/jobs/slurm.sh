#!/usr/bin/env bash
# The engine of utils/run-jobs for Slurm: one job array; its jobs tell in files of a folder that all nodes see. A job
# that failed is submitted again by itself. TERM cancels all and waits until they are gone.
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

ids=()                       # of the arrays that were submitted
declare -A id_of=() try_of=() # of each index that runs or waits
submit() { # <attempt> <array specification> <index>...
  local attempt=$1 array=$2 id index
  shift 2
  id=$(printf '#!/bin/bash\nexec %q %q "$SLURM_ARRAY_TASK_ID" %d\n' "$job" "$dir" "$attempt" |
    sbatch --parsable --array="$array" --job-name="${title:-${command[0]##*/}}" \
      --cpus-per-task="$num_threads" --no-requeue --export=ALL --chdir="$work_dir" \
      --output="${dir//%/%%}/slurm.%a.$attempt.out" "${sbatch_options[@]}")
  id=${id%%;*} # ;cluster
  ids+=("$id")
  for index in "$@"; do id_of[$index]=$id try_of[$index]=$attempt; done
}

# Cancels what is left and waits for it, a minute and a half at most.
cancel() {
  local i left
  [[ ${#ids[@]} -gt 0 ]] || return 0
  scancel "${ids[@]}" || true
  for ((i = 0; i < 180; i++)); do
    left=$(queued 2> /dev/null) || left=unknown
    if [[ -z $left ]]; then return 0; fi
    nap 0.5
  done
  echo "not all jobs are gone; look with squeue, and cancel with: scancel ${ids[*]}" >&2
}

# Prints "<id> <index>" of what Slurm still has; fails if it cannot say.
queued() {
  local out status=0 list
  list=$(IFS=, && echo "${ids[*]}")
  out=$(squeue -h -r -j "$list" -o '%F %K' 2>&1) || status=$?
  if ((status != 0)) && [[ $out != *"Invalid job id"* ]]; then
    echo "$out" >&2
    return 1
  fi
  if ((status == 0)); then echo "$out"; fi
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
find_lost() {
  local index list state
  list=$(queued 2> /dev/null) || return 0 # the controller does not answer: patience
  for index in "${!id_of[@]}"; do
    if grep -qx "${id_of[$index]} $index" <<< "$list"; then
      unset "missing[$index]"
      continue
    fi
    missing[$index]=${missing[$index]:-$SECONDS}
    state=$(scontrol show job -o "${id_of[$index]}_$index" 2> /dev/null | sed -nE 's/.* JobState=([A-Z_]+).*/\1/p' || true)
    case $state in
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
