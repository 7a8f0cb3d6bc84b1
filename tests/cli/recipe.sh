#!/usr/bin/env bash
# The shell framework of the recipes: options, stages, failure.
. "$(dirname "$0")/../support/cli.sh"
mkdir -p "$tmp/egs/x"
ln -s "$root/utils" "$tmp/utils"
cp "$root/egs/polyglot/path.sh" "$tmp/egs/x"
cat > "$tmp/egs/x/run.sh" << 'EOF'
#!/usr/bin/env bash
# A recipe to test with.
#
# Usage: run.sh [options]
set -euo pipefail
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
seeds="1 2"
max_epochs=
cut=false
parse_options "$@"
echo "seeds=$seeds max_epochs=$max_epochs cut=$cut rest=${args[*]} collate=$LC_ALL"
if begin_stage 1 "first"; then echo one; fi
if begin_stage 2 "second"; then
  if $cut; then false; fi
  echo two
fi
if begin_stage 3 "third"; then need_file nothing.txt "make it first"; fi
EOF
chmod +x "$tmp/egs/x/run.sh"
run=$tmp/egs/x/run.sh

check_equal "defaults" "$("$run" --stop-stage 2 2> "$tmp/err")" \
  $'seeds=1 2 max_epochs= cut=false rest= collate=C\none\ntwo'
check "stages are named" grep -q 'stage 2: second (' "$tmp/err"
check_equal "options in both forms, hyphens for underscores, other arguments" \
  "$("$run" --seeds="7 8" --max-epochs 3 --stage 2 --stop-stage=2 a b 2> /dev/null)" \
  $'seeds=7 8 max_epochs=3 cut=false rest=a b collate=C\ntwo'
check_fails "an unknown option" 2 'no option --epoch' "$run" --epoch 3
check_fails "a slip is named with what was meant" 2 'no option --max-epoch; did you mean --max-epochs\? Try' "$run" --max-epoch=3
check_fails "variables of the shell are not meant" 2 'no option --last-stag\. Try' "$run" --last-stag 3
check_fails "a step's" 2 'no option --nk; did you mean --nj\?' "$root/utils/steps/make_fbank.sh" --nk 3 x
check_fails "another step's" 2 'no option --chunk; did you mean --chunks\?' bash -c 'cd "$0" && "$1" --chunk 3 x' "$tmp/egs/x" "$root/utils/steps/decode.sh"
check_fails "an option without value" 2 'seeds wants a value' "$run" --seeds
check_fails "true or false" 2 "cut is true or false, not 'yes'" "$run" --cut yes
check_fails "a variable of the shell is no option" 2 'no option --PATH' "$run" --PATH=/
check_fails "a failing command stops the recipe and says how to go on" 1 \
  'stage 2 failed with exit status 1.*--stage 2' "$run" --cut true --stage 2
check_equal "nothing after the failure runs" "$("$run" --cut true --stage 2 2> /dev/null | tail -n 1)" \
  "seeds=1 2 max_epochs= cut=true rest= collate=C"
check_fails "a missing file is named, with what makes it" 1 'nothing.txt is missing or empty: make it first' \
  "$run" --stage 3
check_equal "help is the comment" "$("$run" --help | head -n 1)" "A recipe to test with."
check_fails "stages that are not there" 2 'nothing was done: no stage from 7 to 1000; the last one is 3' "$run" --stage 7
check_fails "a stage is a number" 2 "are numbers, not 'two' and '1000'" "$run" --stage two
for recipe in polyglot fsdd; do
  check_fails "egs/$recipe/run.sh: a seed is a number" 2 "seeds are numbers, not 'x'" \
    "$root/egs/$recipe/run.sh" --cut true --seeds "1 x" # --cut leaves what was asked for
  check_fails "egs/$recipe/run.sh: a model has a conf" 2 'no conf/no-such.conf' \
    "$root/egs/$recipe/run.sh" --models "moe no-such"
  check_fails "egs/$recipe/run.sh: no seed" 2 'must name one at least' \
    "$root/egs/$recipe/run.sh" --seeds " "
  # Found out before, not after the training.
  check_fails "egs/$recipe/run.sh: a chunk size" 2 "chunks are -1 or numbers above 0, not '0'" \
    "$root/egs/$recipe/run.sh" --chunks "-1 0"
  check_fails "egs/$recipe/run.sh: a seed twice" 2 "seeds names '7' twice" "$root/egs/$recipe/run.sh" --seeds "7 8 7"
  check "egs/$recipe/run.sh --help" bash -c '"$0" --help | grep -q -e --stage' "$root/egs/$recipe/run.sh"
  check_fails "egs/$recipe/run.sh with a wrong option" 2 'no option --stages' \
    "$root/egs/$recipe/run.sh" --stages 1
done
for step in "$root"/utils/steps/*.sh; do
  check_fails "$(basename "$step") without arguments" 2 'needed' \
    bash -c 'cd "$0" && "$1"' "$tmp/egs/x" "$step"
  check "$(basename "$step") --help, from anywhere" bash -c 'cd / && "$0" --help | grep -q Usage' "$step"
done
check_fails "a step outside of a recipe" 1 'score.sh: error: no path.sh in /: steps run in the folder of a recipe' \
  bash -c 'cd / && "$0" text test exp' "$root/utils/steps/score.sh"

# Scores of a chunk size of another time, when the set had fewer utterances, stop nothing.
mkdir -p "$tmp/egs/x/exp/decode/set"/{-1,4}
printf 'u1 a\nu2 b\n' | tee "$tmp/egs/x/text" > "$tmp/egs/x/exp/decode/set/-1/greedy.text"
echo "u1 a" > "$tmp/egs/x/exp/decode/set/4/greedy.text"
check "scores of the chunk sizes asked for" bash -c 'cd "$0" && "$1" --chunks -1 text set exp && [ -s exp/decode/set/-1/greedy.wer ]' \
  "$tmp/egs/x" "$root/utils/steps/score.sh"
check_fails "of all" 1 'u2' bash -c 'cd "$0" && "$1" text set exp' "$tmp/egs/x" "$root/utils/steps/score.sh"

# Killed alone, by its number: what it has started ends too, through a step and through run-jobs.
cat > "$tmp/egs/x/long.sh" << 'EOF'
#!/usr/bin/env bash
# A step.
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
run-jobs --max-jobs=2 JOB=1:2 log/JOB.log bash -c 'echo $$ > pid.JOB; sleep 300; echo late'
EOF
cat > "$tmp/egs/x/kill.sh" << 'EOF'
#!/usr/bin/env bash
# A recipe.
cd "$(dirname "$0")"
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
if begin_stage 1 "long"; then ./long.sh; fi
EOF
chmod +x "$tmp"/egs/x/{long,kill}.sh
if [[ -e /proc/$$/task/$$/children ]] && command -v parallel > /dev/null; then
  for signal in TERM HUP; do
    rm -rf "$tmp"/egs/x/pid.* "$tmp/egs/x/log"
    "$tmp/egs/x/kill.sh" 2> "$tmp/err" &
    recipe=$!
    for ((i = 0; i < 1500; i++)); do
      if [[ -s $tmp/egs/x/pid.1 && -s $tmp/egs/x/pid.2 ]]; then break; fi
      sleep 0.02
    done
    read -ra pids <<< "$(cat "$tmp"/egs/x/pid.* | xargs)"
    check_equal "SIG$signal: two jobs run" "${#pids[@]}" 2
    kill -$signal $recipe
    wait $recipe 2> /dev/null
    check_equal "SIG$signal ends the recipe" $? $((128 + $(kill -l $signal)))
    for ((i = 0; i < 1500; i++)); do
      kill -0 "${pids[@]}" 2> /dev/null || break
      sleep 0.02
    done
    check_fails "SIG$signal ends its jobs" 1 "No such process" kill -0 "${pids[@]}"
    check "SIG$signal: the recipe says so" grep -q "kill.sh: stopping what runs" "$tmp/err"
  done
else
  skip "a recipe that is killed" "no list of children in /proc, or no GNU parallel"
fi

# Stages without those before them, and without their tools.
mkdir "$tmp/egs/x/conf"
for conf in moe train fbank; do cp "$root/egs/polyglot/conf/$conf.conf" "$tmp/egs/x/conf"; done
step() { (cd "$tmp/egs/x" && "$root/utils/steps/$1" "${@:2}"); }
check_fails "features want data" 1 'data/train/utt2spk is missing or empty: make the data first' \
  step features.sh data dump train dev
mkdir -p "$tmp/egs/x/data/train"
echo 'a-1 a' | tee "$tmp/egs/x/data/train/utt2spk" "$tmp/egs/x/data/train/text" > "$tmp/egs/x/data/train/segments"
check_fails "segments are not overlooked" 1 'wav.scp is missing, and segments needs it' \
  step features.sh data dump train train
check_fails "training wants features" 1 'dump/units.txt is missing or empty: make the features first' \
  step train.sh dump exp/moe/1
check_fails "decoding wants a model" 1 'final.safetensors is missing or empty: train it first' \
  step decode.sh dump test exp/moe/1
mkdir "$tmp/few"
for tool in bash dirname nproc; do ln -s "$(command -v "$tool")" "$tmp/few/"; done
check_fails "a missing tool is noticed before the first stage" 1 "'python3' is not on PATH. Run 'make deps'" \
  env PATH="$tmp/few" "$root/egs/polyglot/run.sh"
