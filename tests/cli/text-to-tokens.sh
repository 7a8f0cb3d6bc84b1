#!/usr/bin/env bash
# text-to-tokens and tokens-to-text: there and back, unknown units, empty transcripts, bad tables.
. "$(dirname "$0")/../support/cli.sh"

printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'A 3' 'B 4' 'Ü 5' '▁ 6' >"$tmp/units.txt"
printf '%s\n' 'u1 AB Ü' 'u2' 'u3 B' >"$tmp/text"
trim() { sed 's/ *$//' "$@"; }

check "text to tokens" text-to-tokens "$tmp/units.txt" "ark:$tmp/text" "ark,t:$tmp/tokens.txt"
check_equal "ids" "$(trim "$tmp/tokens.txt")" $'u1 3 4 6 5\nu2\nu3 4'
check "binary tokens" text-to-tokens "$tmp/units.txt" "ark:$tmp/text" "ark:$tmp/tokens.ark"
check "tokens to text" tokens-to-text "$tmp/units.txt" "ark:$tmp/tokens.ark" "ark,t:$tmp/back.txt"
check_equal "the same words again" "$(trim "$tmp/back.txt")" "$(cat "$tmp/text")"
check_equal "through pipes, in another locale" \
  "$(LC_ALL=C text-to-tokens "$tmp/units.txt" "ark:cat $tmp/text |" ark:- 2>/dev/null |
    LC_ALL=de_DE.ISO-8859-1 tokens-to-text "$tmp/units.txt" ark:- ark,t:- 2>/dev/null | trim)" "$(cat "$tmp/text")"
check_equal "no unit between words" \
  "$(text-to-tokens --space-unit= "$tmp/units.txt" "ark:$tmp/text" ark,t:- 2>/dev/null | trim)" $'u1 3 4 5\nu2\nu3 4'
check_fails "the table has no such space unit" 2 "space-unit=\|" \
  text-to-tokens "--space-unit=|" "$tmp/units.txt" "ark:$tmp/text" "ark:$tmp/never"
check "nothing under the final name" test ! -e "$tmp/never"

printf '%s\n' 'u1 AXB' 'u2 A' >"$tmp/unknown"
check_fails "an unknown letter: utterance, letter and word named" 1 "utterance u1: .*/unknown: key 'u1' at byte 0: 'X' of the word 'AXB'" \
  text-to-tokens "$tmp/units.txt" "ark:$tmp/unknown" "ark,t:$tmp/out.txt"
check_equal "the others are written" "$(trim "$tmp/out.txt")" 'u2 3'
check_equal "mapped to <unk>" \
  "$(text-to-tokens '--unk=<unk>' "$tmp/units.txt" "ark:$tmp/unknown" ark,t:- 2>/dev/null | trim)" $'u1 3 1 4\nu2 3'
check_fails "no such unit for --unk" 2 'has no such unit' \
  text-to-tokens --unk=UNK "$tmp/units.txt" "ark:$tmp/unknown" ark,t:-
printf 'u1 A\377\n' >"$tmp/latin1"
check_fails "not UTF-8" 1 "utterance u1: .*latin1: key 'u1' at byte 0: not UTF-8" text-to-tokens "$tmp/units.txt" "ark:$tmp/latin1" ark,t:-
printf '%s\n' 'u1 3 9' 'u2 3' >"$tmp/bad-tokens"
check_fails "a token outside the table" 1 'utterance u1: .*token 9 is outside the 7 units' \
  tokens-to-text "$tmp/units.txt" "ark:$tmp/bad-tokens" "ark,t:$tmp/out.txt"
printf '%s\n' 'A 0' 'B 0' >"$tmp/twice.txt"
check_fails "two units with one id" 1 "twice.txt:2: unit 'B'" tokens-to-text "$tmp/twice.txt" "ark:$tmp/tokens.ark" ark,t:-
check_fails "no unit table" 1 'absent' tokens-to-text "$tmp/absent" "ark:$tmp/tokens.ark" ark,t:-
check_fails "too few arguments" 2 'argument' text-to-tokens "$tmp/units.txt"
check_fails "too many arguments" 2 'argument' tokens-to-text 1 2 3 4
check "help" text-to-tokens --help
check "help of tokens-to-text" tokens-to-text --help
