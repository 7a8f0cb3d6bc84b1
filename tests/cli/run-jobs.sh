#!/usr/bin/env bash
# utils/run-jobs: the same cases for both engines; Slurm is a real one, started here.
# shellcheck disable=SC2016  # '$0' is for the job's shell
. "$(dirname "$0")/../support/cli.sh"
. "$(dirname "$0")/../support/slurm.sh"
. "$(dirname "$0")/../support/fake-slurm.sh"
end_all() {
  local status=$?
  stop_slurm
  (exit "$status")
  cli_finish
}
trap end_all EXIT
run=$root/utils/run-jobs
unset U2MOE_ENGINE U2MOE_SBATCH

export TMPDIR=$tmp/scratch
mkdir "$TMPDIR"
# <pid>...: none of them runs; a zombie, where nobody waits for orphans, does not. What has been killed may take a
# moment to be gone where much else runs.
gone() {
  local pid i
  for pid in "$@"; do
    for ((i = 0; i < 25; i++)); do
      ps -o stat= -p "$pid" | grep -qv '^Z' || continue 2
      sleep 0.2
    done
    return 1
  done
}
wait_for() { # <file>...: at most a minute
  local i file
  for file in "$@"; do
    for ((i = 0; i < 300; i++)); do
      [ -s "$file" ] && break
      sleep 0.2
    done
  done
}

# What an engine tells may arrive in pieces, on a machine with much to do.
slow_engine() {
  cp -r "$root/utils" "$tmp/utils in pieces"
  printf '%s\n' '#!/bin/bash' 'printf "start 1 1\nen"' 'sleep 2.5' 'printf "d 1 "' 'sleep 2.5' 'printf "1 0\n"' \
    >"$tmp/utils in pieces/jobs/local.sh"
  check "an engine whose words come in pieces" env U2MOE_ENGINE=local "$tmp/utils in pieces/run-jobs" "$tmp/pieces.log" true
}
slow_engine

every_engine() {
  local e=$engine status begin pid
  mkdir -p "$tmp/in $e" && cd "$tmp/in $e" || exit 1
  export U2MOE_ENGINE=$e

  check "$e: four jobs" "$run" JOB=1:4 'log/JOB.log' bash -c 'echo "I am JOB of $0"' 'a b'
  check_equal "$e: stdout and arguments with spaces reach the log" "$(sed -n 3p log/3.log)" "I am 3 of a b"
  check_equal "$e: the command is the first line" "$(head -n 1 log/3.log)" \
    '# bash -c echo\ \"I\ am\ 3\ of\ \$0\" a\ b'
  check "$e: then start and host" grep -qE "^# started [0-9]{4}-[0-9-]+ [0-9:]+ on $(uname -n)\$" log/3.log
  check "$e: end, status, times, memory" bash -c 'tail -n 1 "$0" | grep -qE \
    "^# ended [0-9-]+ [0-9:]+ with status 0 after [0-9]+\.[0-9]{2} s, CPU [0-9.]+ s, peak memory [0-9.]+ MB\$"' log/4.log
  check "$e: one job without JOB" "$run" one.log true

  # Nothing that stands between us and the job may read the arguments, names or paths.
  local args=('a b' '' $'new\nline' '$HOME' '`date`' "it's" '"q"' '*' '\' $'\xff\xc3\xa9' '{}' '{#}' '%a' '&' '-n' '; exit 9')
  local show='import os, sys; print([os.fsencode(a) for a in sys.argv[1:]], os.environb[b"NOTE"], os.getcwd())'
  export NOTE=$'two\nlines %a {} \xff'
  check "$e: odd names" "$run" 'JOB=x&y,moe/1,%a {},$(date)]' 'exp %a {}/JOB/log' python3 -c "$show" "${args[@]}" JOB
  check_equal "$e: arguments, environment and folder arrive byte for byte" "$(sed -n 3p 'exp %a {}/x&y/log')" \
    "$(python3 -c "$show" "${args[@]}" 'x&y')"
  check_equal "$e: a log per job" "$(find exp* -type f | LC_ALL=C sort)" \
    $'exp %a {}/$(date)]/log\nexp %a {}/%a {}/log\nexp %a {}/moe/1/log\nexp %a {}/x&y/log'
  unset NOTE
  LC_ALL=C.UTF-8 "$run" locale.log bash -c 'echo "$LC_ALL [$(cat)]"'
  check_equal "$e: the user's locale, no stdin" "$(sed -n 3p locale.log)" "C.UTF-8 []"
  (unset LC_ALL && "$run" locale.log bash -c 'echo "${LC_ALL-unset} ${run_jobs_dir-} ${PARALLEL_SHELL-}"')
  check_equal "$e: or none" "$(sed -n 3p locale.log)" "unset  "

  check "$e: a job that needs time and memory" "$run" used.log python3 -c '
import resource, time
block = bytearray(150_000_000)
begin = time.monotonic()
while time.process_time() < 0.8: pass
time.sleep(0.5)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic() - begin)'
  # Both ends of Python are not in what it measures itself; they take longer where much else runs.
  check "$e: agree with what the process measures itself" python3 -c '
import re
lines = open("used.log").read().splitlines()
cpu, memory, wall = map(float, lines[2].split())
end = re.search(r"after (.*) s, CPU (.*) s, peak memory (.*) MB", lines[3])
got_wall, got_cpu, got_memory = map(float, end.groups())
assert cpu - 0.02 <= got_cpu <= 1.25 * cpu + 0.3, (cpu, got_cpu)
assert abs(got_memory - memory) < 2, (memory, got_memory)
assert wall <= got_wall <= 1.5 * wall + 5, (wall, got_wall)'

  check_fails "$e: a failing job's status" 3 'job [12] failed with exit status 3 on ' \
    "$run" --title=pots JOB=1:2 'f.JOB.log' bash -c 'echo the cause >&2; exit 3'
  cp "$tmp/.check.err" err
  check "$e: its last lines are shown" grep -q '| the cause' err
  check "$e: its command and the title too" bash -c 'grep -q "command: bash -c" err && grep -q "pots: job" err'
  check_fails "$e: a program that is not there" 127 'no-such-program: command not found' "$run" g.log no-such-program
  check_fails "$e: a signal is named" 137 'status 137 \(signal KILL\)' "$run" g.log bash -c 'kill -KILL $$'

  "$run" --keep-going JOB=1:5 'k.JOB.log' bash -c 'case JOB in 2 | 4) echo no JOB; exit 7 ;; esac' 2> err
  check_equal "$e: --keep-going runs all; exit status" "$? $(grep -l 'status 0' k.?.log | tr '\n' ' ')" \
    "7 k.1.log k.3.log k.5.log "
  check "$e: all that failed are listed" bash -c 'grep -qE "2 of 5 jobs failed: (2 4|4 2)$" err &&
    grep -q "| no 2" err && grep -q "| no 4" err'

  check "$e: a job that fails once is started again" "$run" --retries=1 JOB=1:2 'r.JOB.log' \
    bash -c 'if [ JOB = 2 ] && ! [ -e tried ]; then touch tried; echo the first; exit 5; fi; echo done'
  check_equal "$e: both attempts are in its log" "$(grep -vE '^# bash' r.2.log | sed -E 's/ [0-9-]+ [0-9:]+ / /; s/ after.*//; s/ on .*,/,/')" \
    $'# started, attempt 1 of 2\nthe first\n# ended with status 5\n# started, attempt 2 of 2\ndone\n# ended with status 0'
  check_fails "$e: no more often than asked for" 5 'status 5.*attempt 3 of 3' "$run" --retries=2 r.log \
    bash -c 'echo x >> tries; exit 5'
  check_equal "$e: that is three times" "$(cat tries)" $'x\nx\nx'

  # A failure stops the others, and what they started.
  "$run" JOB=bad,slow 's.JOB.log' bash -c '
    if [ JOB = slow ]; then sleep 1000 & echo $! > pid; wait; fi
    until [ -s pid ]; do sleep 0.1; done
    exit 6' 2> err
  check_equal "$e: the first that failed gives the status" "$? $(grep -c 'failed with' err)" "6 1"
  check "$e: and what they started is gone" gone "$(cat pid)"
  check "$e: their logs tell" grep -qE '^# ended .* status 143 after .* s, stopped by TERM' s.slow.log

  # Ctrl-C; one of the jobs does not listen to TERM.
  for signal in INT TERM; do
    rm -f pid.*
    set -m # or a background command would ignore INT
    "$run" JOB=1:2 'i.JOB.log' bash -c '
      if [ JOB$0 = 1INT ]; then trap "" TERM; fi
      sleep 101 & echo $! $$ > pid.JOB; wait; while true; do sleep 1; done' "$signal" 2> err &
    pid=$!
    set +m
    wait_for pid.1 pid.2
    kill -"$signal" -- -"$pid"
    status=0
    wait "$pid" || status=$?
    check_equal "$e: $signal stops it" "$status" $((128 + $(kill -l "$signal")))
    # shellcheck disable=SC2046  # words
    check "$e: $signal ends the jobs, and what they started" gone $(cat pid.1 pid.2)
  done

  check_fails "$e: a job that was killed with all that could tell" 1 'job 2 ended without a word' \
    "$run" JOB=1:2 'l.JOB.log' bash -c '
      if [ JOB = 2 ]; then job=$(ps -o ppid= -p $PPID); sleep 1; kill -KILL $job; fi; sleep 3'

  rm -f on.* seen.*
  "$run" --max-jobs=2 JOB=1:5 'm.JOB.log' bash -c 'touch on.JOB; ls on.* | wc -l > seen.JOB; sleep 0.5; rm on.JOB'
  check_equal "$e: no more jobs at a time than asked for" "$(cat seen.* | sort -n | tail -n 1)" 2

  "$run" --title=pots --progress=1 --max-jobs=2 JOB=1:3 'p.JOB.log' \
    bash -c 'echo "LOG (tool) 3 of 4, 7s left"; if [ JOB = 1 ]; then sleep 0.2; else sleep 3; fi' 2> err
  check "$e: time left, of the jobs and of all" bash -c '
    grep -q "^    [23]: 3 of 4, 7s left$" err && grep -qE "^    pots: [12] of 3 jobs done, [0-9]+s left$" err'
  "$run" --title=pots quiet.log true > out 2> err
  check_equal "$e: nothing to say, nothing said" "$(cat out err)" ""
  check_equal "$e: nothing left behind" "$(find . "$TMPDIR" -name '.run-jobs.*')" ""
}

# A recipe's steps: the same bytes from both.
recipe_steps() {
  local e=$engine
  mkdir -p "$tmp/here/egs/x/conf" && cd "$tmp/here/egs/x" || exit 1
  ln -sfn "$root/utils" "$tmp/here/utils"
  mkdir -p "$tmp/here/build" && ln -sfn "$BUILD" "$tmp/here/build/cpu"
  cp "$root"/egs/fsdd/{path.sh,cmd.sh} .
  cp "$root/egs/fsdd/conf/fbank.conf" conf
  python3 -c '
import os, random, struct, wave
random.seed(1)
for name in ("train", "dev"):
    os.makedirs("data/" + name, exist_ok=True)
    tables = {table: open(f"data/{name}/{table}", "w") for table in ("wav.scp", "text", "utt2spk", "spk2utt")}
    for i in range(3):
        utt = f"{name}-{i}"
        with wave.open(f"data/{name}/{i}.wav", "wb") as f:
            f.setparams((1, 2, 8000, 0, "NONE", ""))
            f.writeframes(b"".join(struct.pack("<h", random.randrange(-9000, 9000)) for _ in range(4000 + 900 * i)))
        print(utt, f"data/{name}/{i}.wav", file=tables["wav.scp"])
        print(utt, "ONE TWO", file=tables["text"])
        print(utt, utt, file=tables["utt2spk"])
        print(utt, utt, file=tables["spk2utt"])'
  cat > run.sh << 'EOF'
#!/usr/bin/env bash
. ./path.sh
. ./cmd.sh
. "$U2MOE_ROOT/utils/recipe.sh"
features.sh --nj 2 data dump train dev
if ! [ -e exp/model/1/final.safetensors ]; then
  mkdir -p exp/model/1
  nnet-init --units=dump/units.txt --cmvn=dump/cmvn.stats --fbank-config=conf/fbank.conf --seed=1 \
    "$1" exp/model/1/final.safetensors
fi
run-jobs JOB=model/1 exp/JOB/log/decode.log decode.sh --chunks "-1 16" dump dev exp/JOB
EOF
  U2MOE_ENGINE=$e check "$e: features and decoding of a recipe" bash run.sh "$root/egs/fsdd/conf/moe.conf"
  cat dump/*/raw_fbank_*.ark dump/*/tokens exp/model/1/decode/dev/*/*.text > "$tmp/steps.$e" 2> /dev/null
}

engine=local
every_engine
for_local() {
  check_equal "cmd.sh: local unless asked for" \
    "$(unset U2MOE_ENGINE && . "$root/egs/fsdd/cmd.sh" && bash -c 'echo $U2MOE_ENGINE')" local
  check "what the user has set for parallel does not matter" env PARALLEL=--dry-run "$run" dry.log touch dry
  check "as the file is there" test -e dry
  mkdir -p few
  printf '#!/bin/sh\necho "parallel from moreutils"\n' > few/parallel
  chmod +x few/parallel
  check_fails "another parallel" 1 'GNU parallel is not installed' env PATH="$PWD/few:$PATH" "$run" a.log true
}
for_local

check_fails "several jobs need several logs" 2 'must contain JOB' "$run" JOB=1:2 same.log true
check_fails "unknown option" 2 'no option --nonsense' "$run" --nonsense a.log true
check_fails "no command" 2 'a log file and a command' "$run" a.log
check_fails "unknown engine" 2 "local or slurm, not 'pbs'" "$run" --engine=pbs a.log true
check_fails "not a number" 2 "max-jobs is a number from 1, not '0'" "$run" --max-jobs=0 a.log true
check_fails "not a number of retries" 2 "retries is a number from 0, not 'x'" "$run" --retries=x a.log true
check_fails "a job twice" 2 "names 'a' twice" "$run" JOB=a,b,a JOB.log true
check_fails "no job" 2 'names no job' "$run" JOB=3:1 JOB.log true
check_fails "an empty name" 2 'a job without name' "$run" JOB=a,,b JOB.log true
check "help" bash -c '"$0" --help | grep -q -e --engine=local' "$run"
for slip in --engin=local --max-job=2 --num_thread=1 --retrys=1 --keep-goin --titel=x --sbatsh=x --progres=1 --hepl; do
  check_fails "a slip: $slip" 2 "no option $slip; did you mean --[a-z-]+\? Try" "$run" $slip a.log true
done
check_fails "not near anything" 2 'no option --nonsense\. Try' "$run" --nonsense a.log true
check_fails "an option without its value" 2 'option --retries needs a value: --retries=VALUE' "$run" --retries 3 a.log true

# A folder or log that cannot be written has a reason.
mkdir -p "$tmp/bad/1.log" && cd "$tmp/bad" || exit 1
: > file
for e in local slurm; do
  check_fails "$e: logs below a file" 1 "cannot make the folder 'file/' for .*: 'file' is a file" "$run" --engine=$e file/a.log true
done
check_fails "deep below a file" 1 "'file' is a file" "$run" JOB=1:2 file/x/JOB/log true
check_fails "a file system that takes no folder" 1 "cannot make the folder '/proc/none/' for logs: [A-Z]" "$run" /proc/none/a.log true
check_fails "a log that is a folder" 1 "the log '1.log' is a folder" "$run" JOB=1:2 JOB.log true
check_equal "nothing has run, nothing is left behind" "$(find . "$TMPDIR" -name '.run-jobs.*') $(ls)" $' 1.log\nfile'
if [ "$(id -u)" -ne 0 ]; then
  mkdir closed && chmod 500 closed
  check_fails "a folder without permission" 1 "closed.*Permission denied" "$run" closed/x/a.log true
elif ! setpriv --reuid=65534 --clear-groups test -x "$run" 2> /dev/null; then
  skip "a folder without permission" "needs setpriv, and a source tree that everybody may read"
else
  mkdir closed && chmod 755 "$tmp" .
  check_fails "a folder without permission" 1 "closed.*Permission denied" \
    env TMPDIR=/tmp setpriv --reuid=65534 --clear-groups "$run" closed/x/a.log true
fi

# The time left: of a job that is like none of the others by its own word, else of those that are done, or none.
cd "$tmp/bad" || exit 1
left() { # <jobs> <script>: what is said of all jobs
  "$run" --progress=1 --max-jobs=9 "JOB=1:$1" t.JOB.log bash -c "$2" 2>&1 | grep 'jobs done' | sort -u
}
check_equal "one job is done, the others tell nothing: no time" "$(left 3 'if [ JOB != 1 ]; then sleep 3; fi' | head -n 1)" \
  "    1 of 3 jobs done"
told=$(left 3 'if [ JOB = 1 ]; then exit; fi; for ((i = 0; i < 3; i++)); do echo "LOG (x) 1 of 9 (1 %), 19m0JOBs left, loss 2"; sleep 1; done')
check "nearly done by one, 19 minutes by another: the longest" grep -qE '1 of 3 jobs done, 19m0[0-3]s left$' <<< "$told"
check "nothing contradicts it" bash -c '! grep -E "done, [0-9]{1,2}s left|done, 1[0-8]m"' <<< "$told"
check_equal "a job that outlasts those that are done tells nothing" \
  "$(left 3 'if [ JOB = 3 ]; then sleep 4; fi' | grep -c ' left')" 0
check_equal "the command in the log is no progress" \
  "$("$run" --progress=1 t.log bash -c 'sleep 2; : 5s left' 2>&1)" ""

# What Slurm's programs print beside what is asked for is shown, and not believed. A fake one, whose jobs run here.
cd "$tmp" || exit 1
make_fake_slurm "$tmp/fake"
fake() { # <args of run-jobs>...
  rm -f started.* survived.*
  PATH=$tmp/fake/bin:$PATH "$run" --engine=slurm "$@"
}
calm() { rm -f "$tmp"/fake/*.{before,after,instead} "$tmp/fake/scancel.log"; }
job='echo $$ > started.JOB; sleep 0.1; if [ JOB = 1 ] && [ -e fails ]; then exit 3; fi; sleep ${0}; : > survived.JOB'
check "fake: two jobs" fake JOB=1:2 log/f.JOB.log bash -c "$job" 0
touch fails
check_fails "fake: one fails" 3 'job 1 failed with exit status 3' fake JOB=1:2 log/f.JOB.log bash -c "$job" 30
check_equal "fake: the other is cancelled" "$(ls survived.* 2> /dev/null)$(cat fake/scancel.log)" "1001 []"
calm
banner=$'----------\n   Welcome to the 7th Supercomputer, 2024\n----------\nNo reservation for this job'
for place in before after; do
  echo "$banner" > fake/sbatch.$place
  check_fails "fake: a banner $place the job id" 1 'slurm:   \| No reservation for this job' fake JOB=1:2 log/f.JOB.log bash -c "$job" 30
  check "its job is cancelled by its id" grep -qE '^100[0-9] \[\]$' fake/scancel.log
  # shellcheck disable=SC2046  # words
  check "and gone" gone $(cat started.* 2> /dev/null)
  calm
done
: > fake/sbatch.instead
check_fails "fake: sbatch prints nothing" 1 "a job called 'pots' may have been submitted.*squeue" \
  fake --title=pots JOB=1:2 log/f.JOB.log bash -c "$job" 0
echo 'sbatch: error: Batch job submission failed: socket timed out' > fake/sbatch.instead
check_fails "fake: an error with status 0" 1 'slurm:   \| sbatch: error: Batch job submission failed' \
  fake JOB=1:2 log/f.JOB.log bash -c "$job" 0
for odd in $'1234567\n7654321' 'Submitted batch job 1234567' '1234567;a b' '-1' '12x'; do
  echo "$odd" > fake/sbatch.instead
  check_fails "fake: $(head -n 1 <<< "$odd")..." 1 'not a job id alone' fake a.log bash -c "$job" 0
done
check_equal "fake: nobody's job is cancelled" "$(cat fake/scancel.log 2> /dev/null)" ""
calm
CLUSTER=big.1 check_fails "fake: id;cluster" 3 'job 1 failed' fake JOB=1:2 log/f.JOB.log bash -c "$job" 30
check "fake: cancelled on that cluster" grep -qE '^10[0-9]+ \[big.1\]$' fake/scancel.log
calm
echo "start 2 1" > fake/scancel.before
printf 'end 2 1 0\nend 1 1 0\n' > fake/scancel.after
check_fails "fake: what scancel prints is no word of a job" 3 'job 1 failed with exit status 3' \
  fake JOB=1:2 log/f.JOB.log bash -c "$job" 30
rm fails
calm
echo "$banner" > fake/squeue.instead # and long enough for the search for lost jobs
check "fake: squeue answers with a banner: the job goes on" fake a.log bash -c "$job" 12
cp "$tmp/.check.err" err
check "as its log shows" grep -q 'with status 0' a.log
check "fake: which is said" grep -q 'slurm:   | No reservation' err
calm
printf 'JobId=1 JobState=RUNNING\n' > fake/scontrol.before # of another job
printf '#!/bin/sh\nexit 0\n' > fake/bin/squeue # it has lost the job
: > fake/scontrol.instead
echo 'JobState=CANCELLED is what maintenance does to jobs' > fake/scontrol.after
check "fake: a state in a banner is not the job's" fake a.log bash -c "$job" 14

engine=local
recipe_steps

if start_slurm "$tmp/slurm"; then
  echo "slurm: $(sinfo -V), $(sinfo -h -o 'node %n, %c processors, %T')"
  engine=slurm
  every_engine

  "$run" --sbatch=--comment='a "b"' --num-threads=2 JOB=1:3 a.JOB.log \
    bash -c 'array=SLURM_ARRAY_J""OB_ID; echo ${!array}; echo $SLURM_CPUS_PER_TASK; scontrol show job $SLURM_JOB_ID | grep -o "Comment=.*"'
  check_equal "slurm: one array" "$(sed -n 3p -s a.?.log | sort -u | grep -c '^[0-9]*$')" 1
  check_equal "slurm: processors and sbatch options reach it" "$(sed -n '4,5s/ *$//p' a.1.log)" $'2\nComment=a "b"'
  check_fails "slurm: what sbatch does not like" 1 'slurm: sbatch: error: .*[Pp]artition' \
    env U2MOE_SBATCH="--partition=nowhere" "$run" JOB=1:3 a.JOB.log true
  check_fails "slurm: more jobs than the cluster takes" 1 'slurm: sbatch: error: .*array' \
    "$run" JOB=1:200 a.JOB.log true
  check_fails "slurm: scancel by somebody else" 143 'slurm: .*CANCELLED' \
    "$run" a.log bash -c 'scancel $SLURM_JOB_ID; sleep 30'
  check_fails "slurm: cancelled while it waited" 1 'Slurm says of it: CANCELLED' \
    "$run" --max-jobs=1 JOB=1:2 w.JOB.log \
    bash -c 'if [ JOB = 1 ]; then array=SLURM_ARRAY_J""OB_ID; scancel ${!array}_2; fi; sleep 1'
  mkdir -p few # sbatch works, but not a second time
  printf '#!/bin/sh\nif ! mkdir sent; then echo refused >&2; exit 4; fi\nexec %s "$@"\n' "$(type -P sbatch)" > few/sbatch
  chmod +x few/sbatch
  check_fails "slurm: a job that cannot be submitted again" 1 'slurm: refused' \
    env PATH="$PWD/few:$PATH" "$run" --retries=1 JOB=1:2 w.JOB.log \
    bash -c 'if [ JOB = 1 ]; then exit 2; fi; sleep 60'
  check_equal "slurm: nothing is left in the queue" "$(squeue -h)" ""

  recipe_steps
  check "features and texts are the same from both engines" cmp "$tmp/steps.local" "$tmp/steps.slurm"
  check "and there are some" test "$(wc -c < "$tmp/steps.slurm")" -gt 10000
  daemons=("$(cat "$slurm_dir/slurmd.pid")" "$(cat "$slurm_dir/slurmctld.pid")" "$(cat "$slurm_dir/munge/pid")")
  stop_slurm
  check "the daemons are gone" gone "${daemons[@]}"
else
  skip "the cases above, and a recipe's steps, with Slurm" "$slurm_why"
fi
