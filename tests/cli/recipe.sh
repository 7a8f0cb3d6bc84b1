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
for recipe in polyglot fsdd; do
  check "egs/$recipe/run.sh --help" bash -c '"$0" --help | grep -q -e --stage' "$root/egs/$recipe/run.sh"
  check_fails "egs/$recipe/run.sh with a wrong option" 2 'no option --stages' \
    "$root/egs/$recipe/run.sh" --stages 1
done
for step in "$root"/utils/steps/*.sh; do
  check_fails "$(basename "$step") without arguments" 2 'needed' \
    bash -c 'cd "$0" && "$1"' "$tmp/egs/x" "$step"
done
