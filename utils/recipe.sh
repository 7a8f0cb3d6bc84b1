# Sourced by every recipe and step, after path.sh: strict shell, byte order, options, stages.
#
#   . ./path.sh
#   . "$U2MOE_ROOT/utils/recipe.sh"
#   stage=1; cut=false              # every variable set before parse_options can be given as an
#   parse_options "$@"              # option: --stage 3 or --stage=3 (hyphens stand for underscores)
#   set -- "${args[@]}"             # what remains
#   if begin_stage 1 "Corpus"; then ...; fi
# shellcheck shell=bash

set -euo pipefail
. "${BASH_SOURCE[0]%/*}/nearest.sh"
export LC_ALL=C # byte order everywhere: Kaldi's tables are sorted so

me=${0##*/}
recipe_start=$SECONDS
stage=0
stop_stage=1000
current_stage=
last_stage=  # that begin_stage was asked about
stages_run=0
# A recipe that goes on as another one: how that is called, and how many stages it has before the first one here.
called_as=${U2MOE_CALLED_AS:-$0}
stages_before=${U2MOE_STAGES_BEFORE:-0}

say() { echo "$me: $*" >&2; }
die() {
  say "error: $*"
  exit 1
}
usage_error() {
  local text="$*. "
  say "error: ${text/%\?. /? }Try '$called_as --help'."
  exit 2
}

# 75 -> 1m15s
duration() {
  local s=$1
  if ((s < 60)); then
    echo "${s}s"
  elif ((s < 3600)); then
    printf '%dm%02ds\n' $((s / 60)) $((s % 60))
  else
    printf '%dh%02dm\n' $((s / 3600)) $((s % 3600 / 60))
  fi
}

# The comment at the top of the script is its help.
print_help() { awk 'NR == 1 && /^#!/ { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"; }

# The option that a wrong one is a slip of, as did_you_mean tells it.
suggestion() { # <name>
  local variable known=(help)
  for variable in $(compgen -v); do
    if [[ $variable =~ ^[a-z][a-z0-9_]*$ && $not_options != *" $variable "* ]]; then known+=("$variable"); fi
  done
  did_you_mean "$1" "${known[@]}"
}

# Sets variables from --name value or --name=value; stops at the first other argument or at "--".
# What remains is left in the array args. An unknown name is a usage error.
parse_options() {
  local name value
  while [[ $# -gt 0 && $1 == --* ]]; do
    case $1 in
      --)
        shift
        break
        ;;
      --help)
        print_help
        exit 0
        ;;
      --*=*)
        name=${1%%=*}
        value=${1#*=}
        shift
        ;;
      *)
        name=$1
        [[ $# -ge 2 ]] || usage_error "$1 wants a value"
        value=$2
        shift 2
        ;;
    esac
    name=${name#--}
    name=${name//-/_}
    [[ $name =~ ^[a-z][a-z0-9_]*$ && -v $name ]] || usage_error "no option --${name//_/-}$(suggestion "$name")"
    if [[ ${!name} == true || ${!name} == false ]]; then
      [[ $value == true || $value == false ]] ||
        usage_error "--${name//_/-} is true or false, not '$value'"
    fi
    printf -v "$name" '%s' "$value"
  done
  [[ $stage =~ ^[0-9]+$ && $stop_stage =~ ^[0-9]+$ ]] ||
    usage_error "--stage and --stop-stage are numbers, not '$stage' and '$stop_stage'"
  # shellcheck disable=SC2034  # read by the caller
  args=("$@")
}

# For steps, which find tools and conf/ by the recipe in whose folder they run.
enter_recipe() {
  [[ -e path.sh ]] || die "no path.sh in $PWD: steps run in the folder of a recipe, such as egs/fsdd"
  . ./path.sh
}

# What would else be found out after hours of training.
check_choices() { # <models> <seeds> <chunks>
  local seed chunk list word seen
  for seed in $2; do
    [[ $seed =~ ^[0-9]+$ ]] || usage_error "--seeds are numbers, not '$seed'"
  done
  for chunk in $3; do
    [[ $chunk == -1 || $chunk =~ ^[1-9][0-9]*$ ]] || usage_error "--chunks are -1 or numbers above 0, not '$chunk'"
  done
  for list in "models $1" "seeds $2" "chunks $3"; do
    seen=" "
    for word in ${list#* }; do
      [[ $seen != *" $word "* ]] || usage_error "--${list%% *} names '$word' twice"
      seen+="$word "
    done
    [[ $seen != " " ]] || usage_error "--${list%% *} must name one at least"
  done
}

check_units() { # <units>
  [[ $1 == char || $1 =~ ^bpe:[1-9][0-9]*$ ]] ||
    usage_error "--units is char for letters, or bpe:N for N word pieces, such as bpe:500, not '$1'"
  if [[ $1 != char ]]; then need_commands spm_train; fi
}

# The folder of a recipe's results, which it makes and whose parts it may make anew. Ends where they are somebody else's:
# --dir . beside one's own data would remove that.
take_folder() { # <folder> <what the results are made from>
  local name was=
  # "ark,scp:a,b" parts at commas, run-jobs replaces JOB.
  [[ $(realpath -m "$1") != *,* && $(realpath -m "$1") != *JOB* ]] ||
    die "the folder of the results, $(realpath -m "$1"), has a comma or JOB in its path, which has a meaning of its own in" \
      "tables and jobs: give another folder (--dir)"
  if [[ -e $1/made-from ]]; then
    was=$(< "$1/made-from")
    [[ $was == "$2" ]] || die "what is in $1 was made from $was, not from $2: give another folder (--dir), or remove that one"
  fi
  for name in conf corpus data dump exp measure path.sh plan.txt; do
    [[ -n $was || ! -e $1/$name ]] || die "$1/$name is there and is not of this recipe: give another folder (--dir)"
  done
  mkdir -p "$1"
  printf '%s\n' "$2" > "$1/made-from"
}

# Prints "<model>/<seed>,...", each model with each seed, as JOB of run-jobs.
list_runs() { # <models> <seeds>
  local model seed list=
  for seed in $2; do
    for model in $1; do
      [[ -s conf/$model.conf ]] || usage_error "--models: there is no conf/$model.conf"
      list+=${list:+,}$model/$seed
    done
  done
  echo "$list"
}

# True if stage n is within --stage .. --stop-stage; says so.
begin_stage() { # <n> <title>
  current_stage=
  last_stage=$1
  if (($1 < stage || $1 > stop_stage)); then return 1; fi
  current_stage=$1
  stages_run=$((stages_run + 1))
  say "stage $(($1 + stages_before)): $2 ($(duration $((SECONDS - recipe_start))) since start)"
}

need_file() { # <file> <what makes it>
  [[ -s $1 ]] || die "$1 is missing or empty: $2"
}

need_commands() { # <command>...
  local c
  for c in "$@"; do
    command -v "$c" > /dev/null ||
      die "'$c' is not on PATH. Run 'make deps' (packages) and 'make' (tools) in $U2MOE_ROOT first"
  done
}

# Runs a command with its stderr at the end of a log. An error quotes what it warned of, and names the log if that stays.
logged() { # <log> <command>...
  local log=$1 size why
  size=$(stat -c %s "$log" 2> /dev/null || echo 0)
  shift
  if "$@" 2>> "$log"; then return; fi
  why=$(tail -c "+$((size + 1))" "$log" | grep -aE '^(WARNING|ERROR) ' | tail -n 5) || why=$(tail -n 2 "$log")
  if [[ -n $scratch && $log == "$scratch"/* ]]; then die "$1 failed: $why"; fi
  die "$1 failed; $log ends: $why"
}

# From <base>.logp and <base>.encoder to <base>.text: prefix beam search, and rescoring by the model's decoders.
rescored_text() { # <model> <units.txt> <base>
  logged "$3.log" ctc-decode --method=prefix-beam --nbest=10 "ark:$3.logp" "ark,t:$3.nbest" "ark,t:$3.scores"
  logged "$3.log" attention-rescore "$1" "ark:$3.encoder" "ark,t:$3.nbest" "ark,t:$3.scores" "ark,t:$3.tokens"
  logged "$3.log" tokens-to-text "$2" "ark,t:$3.tokens" "ark,t:$3.text"
}

# The one cleaning of texts that recipes do, by the variables normalize and normalize_map: the texts of a data directory.
# What has no words any more is left out like what had none.
# shellcheck disable=SC2154  # the recipe sets them
normalize_data_dir() { # <data-dir> <log>
  if [[ $normalize == none ]]; then return; fi
  rm -rf "$1.whole" && mv "$1" "$1.whole"
  logged "$2" normalize-text --normalize="$normalize" --normalize-map="$normalize_map" "ark:$1.whole/text" "ark,t:$1.whole/normal"
  mv "$1.whole/normal" "$1.whole/text"
  clean_data_dir.sh "$1.whole" "$1"
  if [[ -e $1.whole/dropped ]]; then cat "$1.whole/dropped" >> "$1/dropped"; fi
  rm -rf "$1.whole"
}

# A text as one word of a shell command.
shell_word() { printf "'%s'" "${1//"'"/"'\\''"}"; }

# The rspecifier of the audio of a data directory's utterances: wav.scp, or what its segments cut out of it.
# How many of them may fail is the variable max_failures, as in the tools.
wave_rspecifier() { # <data-dir> [<part of its segments or wav.scp> [<wav.scp>]]
  if [[ -e $1/segments ]]; then
    echo "ark:extract-segments --max-failures=$(shell_word "${max_failures:-0}") $(shell_word "scp:${3:-$1/wav.scp}")" \
      "$(shell_word "${2:-$1/segments}") ark:- |"
  else
    echo "scp:${2:-$1/wav.scp}"
  fi
}

# The stages that recipes share, from features to the report, with the variables that their options set: runs (of
# list_runs), models, seeds, epochs, chunks, tests (sets, the first one for routing), max_failures, cut; perhaps normalize and
# normalize_map, what was done to the texts; and those of cmd.sh.
# shellcheck disable=SC2154  # the recipe sets them
train_runs() {
  run-jobs --title=training --max-jobs="$train_jobs" JOB="$runs" exp/JOB/log/train.log \
    train.sh --epochs "$epochs" --max-failures "$max_failures" dump exp/JOB
}
# shellcheck disable=SC2154  # the recipe sets them
decode_runs() { # <utt2label, by which routing counts>
  local set first=${tests%% *} labels
  for set in $tests; do
    run-jobs --title="decoding $set" --max-jobs="$decode_jobs" JOB="$runs" \
      "exp/JOB/log/decode.$set.log" decode.sh --chunks "$chunks" \
      --max-failures "$max_failures" dump "$set" exp/JOB
    run-jobs --title="scoring $set" JOB="$runs" "exp/JOB/log/score.$set.log" \
      score.sh --chunks "$chunks" --normalize "${normalize:-none}" --normalize-map "${normalize_map-}" --mode "$([[ $max_failures == 0 ]] && echo strict || echo all)" "data/$set/text" "$set" exp/JOB
  done
  labels=data/$first/$1
  if [[ $1 != utt2spk && -e data/$first/utt2spk ]]; then labels+=" data/$first/utt2spk"; fi
  run-jobs --title=routing JOB="$runs" exp/JOB/log/routing.log \
    routing.sh --max-failures "$max_failures" --labels "$labels" dump "$first" exp/JOB
}
# shellcheck disable=SC2154  # the recipe sets them
report_runs() { # <title>
  local model folders=()
  for model in $models; do folders+=("exp/$model"); done
  make-report --title "$1" --seeds "$seeds" --sets "$tests" --chunks "$chunks" --data data --dump dump --out exp/report \
    --processes "$decode_jobs" --cut "$cut" "${folders[@]}"
}
# The line that transcribes a new recording by the model of lowest dev loss, after report_runs.
transcribe_line() { # <exp, from the root on>
  local best
  best=$(best_model.py "$1/report/report.json")
  say "a new recording is transcribed by this line ($best of lowest dev loss; --help tells of subtitles, folders, hot words):"
  echo "$(shell_word "$U2MOE_ROOT/build/${U2MOE_FLAVOUR:-cpu}/bin/transcribe") $(shell_word "$1/$best/final.safetensors") RECORDING"
}
# Searches with language models, graphs and hot words beside their controls, after the report.
# shellcheck disable=SC2154  # the recipe sets them
words_runs() { # [<folder of further text>]
  local set run lm_options
  language_models.sh --text "${1-}" --normalize "${normalize:-none}" --normalize-map "${normalize_map-}" --sets "dev $tests" data exp/lm
  if [[ -e exp/lm/all.arpa ]]; then lm_options=(--lm exp/lm/all.arpa); else lm_options=(--lms exp/lm); fi
  for set in $tests; do
    hot_words.py data/train/text "data/$set/text" "exp/lm/hot_words.$set"
    run-jobs --title="words of $set" --max-jobs="$decode_jobs" JOB="$runs" "exp/JOB/log/words.$set.log" \
      words.sh "${lm_options[@]}" --hot-words "exp/lm/hot_words.$set" --chunks "$chunks" --normalize "${normalize:-none}" \
      --normalize-map "${normalize_map-}" --max-failures "$max_failures" dump data "$set" exp/JOB
    for run in ${runs//,/ }; do cat "exp/$run/words/$set/table.txt"; done
  done | tee exp/report/words.txt
  for set in $tests; do
    run-jobs --title="confidences of $set" --max-jobs="$decode_jobs" JOB="$runs" "exp/JOB/log/confidence.$set.log" \
      confidence.sh --graphs "exp/JOB/words/$set/graph" --chunks "$chunks" --normalize "${normalize:-none}" \
      --normalize-map "${normalize_map-}" --max-failures "$max_failures" dump data "$set" exp/JOB
    for run in ${runs//,/ }; do
      echo "$run, $set: what confidences are worth"
      cat "exp/$run/confidence/$set/table.txt"
    done
  done | tee exp/report/confidence.txt
}

scratch= # a folder to remove at the end
on_exit() {
  local status=$? children=()
  if [[ -n $scratch ]]; then rm -rf "$scratch"; fi
  # Whoever kills the recipe means what it has started too: run-jobs and the steps stop theirs in turn.
  read -ra children 2> /dev/null < "/proc/$$/task/$$/children" || true
  if [[ ${#children[@]} -gt 0 ]]; then
    say "stopping what runs"
    kill -TERM "${children[@]}" 2> /dev/null || true
    return # the rest is for ends of its own
  fi
  if ((status != 0)) && [[ -n $current_stage ]]; then
    say "stage $((current_stage + stages_before)) failed with exit status $status." \
      "After mending the cause, go on with: $called_as --stage $((current_stage + stages_before)) (and the same other options)"
    # Stage 1 makes the data; what can be wrong there is another matter.
    if [[ ${max_failures-} == 0 && $current_stage != 1 && $status != 2 ]]; then
      say "if it was a few utterances that a tool could not take, --max-failures 1% (or a count) goes on without them"
    fi
  elif ((status == 0 && stages_run == 0)) && [[ -n $last_stage ]]; then
    say "error: nothing was done: no stage from $((stage + stages_before)) to" \
      "$((stop_stage + stages_before)); the last one is $((last_stage + stages_before))"
    exit 2
  fi
}
trap on_exit EXIT

# Variables that are there before the script sets its own: "did you mean" never means them, but for these two.
not_options=" $(compgen -v) "
not_options=${not_options//$'\n'/ }
not_options=${not_options/ stage / }
not_options=${not_options/ stop_stage / }
