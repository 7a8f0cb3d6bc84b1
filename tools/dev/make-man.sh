#!/usr/bin/env bash
# Man pages and shell completions of all tools, from what their --help prints: the options are written down once, in
# the tools.
#
# Usage: tools/dev/make-man.sh <bin-dir> <share-dir>
#   e.g. tools/dev/make-man.sh build/cpu/bin build/cpu/share
# Writes <share-dir>/man/man1/<tool>.1 and <share-dir>/bash-completion/completions/<tool> (bash; zsh through its
# bashcompinit).
set -euo pipefail
export LC_ALL=C.UTF-8
if [ "${1:-}" = --help ]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
if [ $# -ne 2 ]; then
  echo "Usage: tools/dev/make-man.sh <bin-dir> <share-dir>" >&2
  exit 2
fi
bin=$1 man=$2/man/man1 completions=$2/bash-completion/completions
mkdir -p "$man" "$completions"

# Pages: the text before "Usage:", the usage lines, the text and examples after them, the options.
page='
  function escape(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); gsub(/^[.'\'']/, "\\\\\\&&", s); return s }
  function say(s) { print escape(s) }
  BEGIN { part = "purpose" }
  /^Usage: / { part = "usage" }
  part == "usage" && /^  e\.g\. / { part = "example" }
  part == "usage" && /^  [^ ]/ && !/^   or: / { part = "text" }
  part == "text" && /^  e\.g\. / { part = "example" }
  /^Options:$/ { part = "options"; next }
  part == "options" && /^  --/ { ++n; head[n] = $0; next }
  part == "options" { sub(/^ +/, ""); doc[n] = doc[n] (doc[n] == "" ? "" : " ") $0; next }
  NF { lines[part, ++count[part]] = $0 }
  END {
    purpose = ""
    for (i = 1; i <= count["purpose"]; ++i) purpose = purpose (i > 1 ? " " : "") lines["purpose", i]
    brief = purpose
    if (match(brief, /[.:;] /)) brief = substr(brief, 1, RSTART - 1)
    sub(/[.:]$/, "", brief)
    printf ".TH %s 1 \"\" u2moe \"u2moe tools\"\n", toupper(tool)
    print ".SH NAME"; say(tool " - " brief)
    print ".SH SYNOPSIS"; print ".nf"
    for (i = 1; i <= count["usage"]; ++i) { s = lines["usage", i]; sub(/^(Usage:|   or:) /, "", s); say(s) }
    print ".fi"
    print ".SH DESCRIPTION"; say(purpose)
    if (count["text"]) print ".PP"
    for (i = 1; i <= count["text"]; ++i) { s = lines["text", i]; sub(/^ +/, "", s); say(s) }
    print ".SH OPTIONS"
    for (i = 1; i <= n; ++i) {
      match(head[i], /^  --[^ ]+/); name = substr(head[i], 3, RLENGTH - 2)
      rest = substr(head[i], RLENGTH + 2); gsub(/^\(|\)$/, "", rest)
      type = rest; sub(/,.*/, "", type)
      sub(/^[^,]*, /, "", rest)
      print ".TP"
      printf "\\fB%s\\fR=\\fI%s\\fR (%s)\n", escape(name), type, escape(rest)
      say(doc[i])
    }
    print ".SH EXAMPLE"; print ".nf"
    for (i = 1; i <= count["example"]; ++i) { s = lines["example", i]; sub(/^  (e\.g\. |     )/, "", s); say(s) }
    print ".fi"
    print ".SH EXIT STATUS"
    print "0: done. 1: failed, or more utterances failed than \\-\\-max\\-failures allows. 2: wrong usage."
    print ".SH NOTES"
    print "Standard output carries data, standard error what the tool says. Tables are named as in Kaldi:"
    print "ark:FILE, scp:FILE, ark,t:\\-, \"ark:command |\"."
  }'

completion='
  /^  --/ {
    match($0, /^  --[^ ]+/); name = substr($0, 3, RLENGTH - 2)
    type = substr($0, RLENGTH + 3); sub(/,.*/, "", type)
    options = options (options == "" ? "" : " ") name (type == "bool" ? "" : "=")
    if (type == "bool") flags = flags " " name "=true " name "=false"
  }
  END {
    gsub(/-/, "_", function_name)
    print "# Completion of " tool " for bash. Made from its --help by tools/dev/make-man.sh."
    print function_name "() {"
    print "  local word=${COMP_LINE:0:COMP_POINT}"
    print "  word=${word##*[[:space:]]}"
    print "  COMPREPLY=()"
    print "  case $word in"
    print "    # bash takes = and : for ends of words, so what follows them is the word to complete."
    print "    --*=*) mapfile -t COMPREPLY < <(compgen -W \"" substr(flags, 2) "\" -- \"$word\" | sed \"s/^[^=]*=//\")"
    print "      [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- \"${word#*=}\") ;;"
    print "    --*) mapfile -t COMPREPLY < <(compgen -W \"" options "\" -- \"$word\")"
    print "      if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi ;;"
    print "    *) mapfile -t COMPREPLY < <(compgen -f -- \"${word##*:}\") ;;"
    print "  esac"
    print "}"
    print "complete -o filenames -F " function_name " " tool
  }'

for tool in "$bin"/*; do
  name=${tool##*/}
  help=$("$tool" --help)
  awk -v tool="$name" "$page" <<< "$help" > "$man/$name.1.tmp"
  mv "$man/$name.1.tmp" "$man/$name.1"
  awk -v tool="$name" -v function_name="_u2moe_$name" "$completion" <<< "$help" > "$completions/$name.tmp"
  mv "$completions/$name.tmp" "$completions/$name"
done
