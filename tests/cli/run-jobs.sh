#!/usr/bin/env bash
# shellcheck disable=SC2016  # '$0' is for the job's shell
. "$(dirname "$0")/../support/cli.sh"
run=$root/utils/run-jobs
cd "$tmp" || exit 1

check "four jobs" "$run" JOB=1:4 'log/JOB.log' bash -c 'echo "I am JOB of $0"' 'a b'
check_equal "stdout and arguments with spaces reach the log" "$(sed -n 3p log/3.log)" "I am 3 of a b"
check_equal "the log ends with the status" \
  "$(tail -n 1 log/4.log | sed -E 's/ended .* with/ended with/; s/after.*//')" "# ended with status 0 "
check "named jobs, folders made" "$run" JOB=moe/1,dense/1 'exp/JOB/log' test JOB != x
check_equal "named logs" "$(echo exp/*/*/log)" "exp/dense/1/log exp/moe/1/log"
check "one job without JOB" "$run" one.log true
check_fails "a failing job's status, command and last lines" 3 'failed with exit status 3' \
  "$run" JOB=1:2 'f.JOB.log' bash -c 'echo the cause >&2; exit 3'
"$run" JOB=1:2 'f.JOB.log' bash -c 'echo the cause >&2; exit 3' 2> err
check "its last lines are shown" grep -q '| the cause' err
check "its command is shown" grep -q 'command: bash -c' err
check_fails "a program that is not there" 127 'not found' "$run" g.log no-such-program
check_fails "several jobs need several logs" 2 'must contain JOB' "$run" JOB=1:2 same.log true
check_fails "unknown option" 2 'no option --nonsense' "$run" --nonsense a.log true
check_fails "no command" 2 'a log file and a command' "$run" a.log

# A failure stops the others, and what they started.
begin=$SECONDS
"$run" JOB=bad,slow 's.JOB.log' \
  bash -c 'if [ JOB = bad ]; then sleep 0.3; exit 1; fi; echo $$ > pid; sleep 60; true' 2> /dev/null
check "the other jobs are stopped" test $((SECONDS - begin)) -lt 30
check_fails "and gone" 1 '' kill -0 "$(cat pid)"

limit() { # at most two of six at a time
  "$run" --max-jobs=2 JOB=1:6 'm.JOB.log' \
    bash -c 'touch on.JOB; ls on.* | wc -l > seen.JOB; sleep 0.1; rm on.JOB'
  test "$(cat seen.* | sort -n | tail -n 1)" -le 2
}
check "no more jobs at a time than asked for" limit
