#!/usr/bin/env bash
# The engine of utils/run-jobs for this machine: GNU parallel runs job.sh for each index. TERM twice stops all.
#
# Usage: local.sh <folder>
set -euo pipefail
dir=$1
. "$dir/settings"
run_jobs_dir=$dir run_jobs_job=$(dirname "${BASH_SOURCE[0]}")/job.sh
export run_jobs_dir run_jobs_job PARALLEL_SHELL=/bin/bash
if ! [[ $(parallel --version 2> /dev/null) == "GNU parallel"* ]]; then # moreutils has another of that name
  echo "GNU parallel is not installed (Debian package parallel; 'make deps' installs it)" >&2
  : > "$dir/broken"
  exit 1
fi
if [[ -z $max_jobs ]]; then max_jobs=$(($(nproc) / num_threads)); fi
if ((max_jobs < 1)); then max_jobs=1; fi
halt=now,fail=1
if $keep_going; then halt=never; fi
# --plain: nothing from the user's settings of parallel. --termseq: job.sh needs five seconds where TERM is not
# enough. --ungroup: job.sh tells on our stdout.
# shellcheck disable=SC2016  # the variables are for parallel's shell
exec parallel --plain --will-cite --ungroup --jobs "$max_jobs" --halt "$halt" --retries $((retries + 1)) \
  --termseq TERM,8000,KILL,100 '"$run_jobs_job" "$run_jobs_dir"' {} < <(seq "$count")
