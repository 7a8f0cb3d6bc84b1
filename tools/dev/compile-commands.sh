#!/usr/bin/env bash
# compile-commands.sh "COMPILER FLAG..." FILE...: a compilation database for clangd and the like, on stdout.
set -euo pipefail
command=$1
shift
quote() {
  local s=${1//\\/\\\\}
  printf '"%s"' "${s//\"/\\\"}"
}
separator=
echo '['
for file in "$@"; do
  printf '%s  {"directory": %s, "file": %s, "command": %s}' "$separator" \
    "$(quote "$PWD")" "$(quote "$file")" "$(quote "$command -c $file")"
  separator=$',\n'
done
printf '\n]\n'
