#!/usr/bin/env bash
# Makes the data of a task in a folder of its own, by the stages of the task's recipe: conf, data, dump.
#
# Usage: local/make_data.sh [options] <task> <folder> <option>...
#   e.g. local/make_data.sh polyglot out/polyglot --train 2000 --dev 240
#   --packages DIR   of egs/debian
#   --nj N           processes at a time
#
# The options after the folder are those of the recipe. Does nothing where the same was made before.
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
. ./cmd.sh
packages=
parse_options "$@"
[[ ${#args[@]} -ge 2 ]] || usage_error "a task and a folder are needed"
task=${args[0]} options=("${args[@]:2}")
mkdir -p "${args[1]}"
dir=$(realpath "${args[1]}")
made="$task ${options[*]}"
if [[ -e $dir/data-made && $(< "$dir/data-made") == "$made" ]]; then
  say "the data of $task are there"
  exit 0
fi
rm -f "$dir/data-made"
case $task in
  polyglot)
    cd ../polyglot
    local/make_corpus.sh --nj "$nj" "${options[@]}" "$dir/corpus" "$dir/data"
    mkdir -p "$dir/conf"
    cp conf/fbank.conf "$dir/conf"
    printf '# Sourced by the steps: where the tools are.\n. %q\n' "$PWD/path.sh" > "$dir/path.sh"
    cd "$dir"
    features.sh --nj "$nj" data dump train dev test_clean test_noisy
    ;;
  debian)
    if [[ -n $packages ]]; then options+=(--packages "$(realpath "$packages")"); fi
    ../debian/run.sh --dir "$dir" --nj "$nj" "${options[@]}" --stop-stage 4
    ;;
  *) die "no task '$task'" ;;
esac
echo "$made" > "$dir/data-made"
