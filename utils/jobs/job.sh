#!/usr/bin/env bash
# Runs one job of utils/run-jobs on the host where it is called: the log, its header and last line, the locale of the
# user, the end of all that the job started. Called by the engines.
#
# Usage: job.sh <folder> <index> [<attempt>]
#
# Tells "start <index> <attempt>" and "end <index> <attempt> <status>", or "stopped" for "end" if a signal ended the
# job from outside: on stdout, or, where the attempt is given, in files <folder>/event.<index>.<attempt>.<word>, which
# appear when complete. Exits with the job's status.
set -uo pipefail
export LC_ALL=C
shopt -u patsub_replacement 2> /dev/null
dir=$1 index=$2
. "$dir/settings" || exit 1
if [[ $# -ge 3 ]]; then
  attempt=$3
  tell() {
    echo "$*" > "$dir/event.$index.$attempt.$1.tmp" &&
      mv "$dir/event.$index.$attempt.$1.tmp" "$dir/event.$index.$attempt.$1"
  }
else
  attempt=1 # GNU parallel does not tell
  if [[ -e $dir/attempts.$index ]]; then attempt=$(($(< "$dir/attempts.$index") + 1)); fi
  echo "$attempt" > "$dir/attempts.$index"
  tell() { echo "$*"; }
fi
began=$EPOCHREALTIME
tell start "$index" "$attempt"
end() { # <status>
  tell end "$index" "$attempt" "$1"
  exit "$1"
}

name=${names[index - 1]}
log=$log_pattern
if [[ -n $name ]]; then
  log=${log//JOB/$name}
  command=("${command[@]//JOB/$name}")
fi
cd -- "$work_dir" || end 1
if [[ $log == */* ]]; then mkdir -p -- "${log%/*}/" || end 1; fi
if ((attempt == 1)); then : > "$log" || end 1; fi
# A second writer, or an editor that holds the log, must not make us write over lines.
exec 3>> "$log" || end 1
{
  printf '#'
  printf ' %q' "${command[@]}"
  printf '\n# started %(%F %T)T on %s%s\n' -1 "$(uname -n)" \
    "$(if ((retries > 0)); then echo ", attempt $attempt of $((retries + 1))"; fi)"
} >&3

locale=(-u LC_ALL)
if [[ -v user_lc_all ]]; then locale=("LC_ALL=$user_lc_all"); fi
usage=$dir/usage.$index
timer=$(type -P time)
pid=
stop() {
  stopped=$1
  if [[ -n $pid ]]; then kill -TERM -- "-$pid" 2> /dev/null; fi
}
stopped=
trap 'stop TERM' TERM
trap 'stop INT' INT
trap 'stop HUP' HUP

status=0
if [[ -z $timer ]]; then
  echo "run-jobs: GNU time is not installed on $(uname -n) (Debian package time)" >&3
  status=127
elif ! type -P -- "${command[0]}" > /dev/null; then
  echo "run-jobs: ${command[0]}: command not found" >&3
  status=127
else
  set -m # a process group of its own, so that stopping it stops all it started
  # What local.sh exports is not for the job, which may call GNU parallel or us itself.
  env -u PARALLEL_SHELL -u run_jobs_dir -u run_jobs_job "${locale[@]}" "$timer" -q -o "$usage" -f '%U %S %M' -- "${command[@]}" \
    >&3 2>&1 < /dev/null 3>&- &
  pid=$!
  set +m
  if [[ -n $stopped ]]; then stop "$stopped"; fi
  while true; do # a trap ends wait before the job has ended
    wait "$pid" 2> /dev/null
    status=$?
    kill -0 "$pid" 2> /dev/null || break
    [[ -z $stopped ]] || break
  done
  if [[ -n $stopped ]]; then
    for ((i = 0; i < 50; i++)); do
      kill -0 -- "-$pid" 2> /dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$pid" 2> /dev/null
    status=$((128 + $(kill -l "$stopped")))
  fi
fi

# <microseconds> in seconds
seconds() { printf '%d.%02d' $(($1 / 1000000)) $(($1 / 10000 % 100)); }
wall=$(seconds $((${EPOCHREALTIME/./} - ${began/./})))
spent=
if [[ -z $stopped && -s $usage ]]; then # the last line; before it GNU time tells of signals
  spent=$(awk '{ l = $0 } END { split(l, a, " "); printf ", CPU %.2f s, peak memory %.1f MB", a[1] + a[2], a[3] / 1024 }' "$usage")
fi
printf '# ended %(%F %T)T with status %d after %s s%s%s\n' -1 "$status" "$wall" "$spent" \
  "${stopped:+, stopped by $stopped}" >&3
if [[ -n $stopped ]]; then
  tell stopped "$index" "$attempt" "$status"
  exit "$status"
fi
end "$status"
