#!/usr/bin/env bash
# Small tools of utils/ for text tables, which have Kaldi's names: filter_scp.pl, split_scp.pl, sym2int.pl, ...
. "$(dirname "$0")/../support/cli.sh"
utils=$root/utils
cd "$tmp" || exit 1

filter() { "$utils/filter_scp.pl" "$@"; }
printf 'u1 a  b\nu2 b\nu3\tc\n' > table
printf 'u3 rest\nu1\n' > list
check_equal "filter" "$(filter list table)" $'u1 a  b\nu3\tc'
check_equal "filter stdin" "$(filter list < table)" $'u1 a  b\nu3\tc'
check_equal "--exclude" "$(filter --exclude list table)" "u2 b"
# The examples at the end of Kaldi's filter_scp.pl.
check_equal "as in Kaldi" "$( (echo foo 1; echo bar 2) | filter <(echo foo))" "foo 1"
check_equal "-f, as in Kaldi" "$( (echo foo 1; echo bar 2) | filter -f 2 <(echo 2))" "bar 2"
check_fails "a line too short" 1 'table:1: there is no word 4' filter -f 4 list table
check_fails "an empty line" 1 'stdin:1: there is no word 1' bash -c 'echo | "$0" list' "$utils/filter_scp.pl"
check_fails "no list" 1 'nothing: No such file' filter nothing table
check_fails "a wrong field" 2 "'0' is not a number" filter -f 0 list table
many_lines() { seq 1000000 | "$utils/filter_scp.pl" list | head -n 1; }
check "a reader that stops early" many_lines

split() { "$utils/split_scp.pl" "$@"; }
seq -f 'ann-%02g x' 12 > twelve
check "split_scp" split twelve s1 s2 s3 s4 s5
# As in Kaldi, the first parts have one more.
check_equal "parts of equal length" "$(wc -l s1 s2 s3 s4 s5 | awk '{ print $1 }' | tr '\n' ' ')" "3 3 2 2 2 12 "
cat s1 s2 s3 s4 s5 > joined
check "the parts make the whole" cmp joined twelve
check_equal "-j" "$(split -j 5 1 twelve)" "$(cat s2)"
check_equal "-j --one-based" "$(split -j 5 5 --one-based twelve)" "$(cat s5)"
awk '{ print $1, NR <= 9 ? "a" : NR <= 10 ? "b" : "c" }' twelve > utt2spk
check "by speaker" split --utt2spk=utt2spk twelve t1 t2
check_equal "whole speakers" "$(wc -l < t1) $(wc -l < t2)" "9 3"
check_fails "more parts than lines" 1 '12 lines, too few for 13' split twelve p{1..13}
check_fails "more parts than speakers" 1 'lines of 3 speakers, too few for 4' split --utt2spk=utt2spk twelve p{1..4}
check_fails "a part that is none" 2 'no such part' split -j 5 5 twelve

sym2int() { "$utils/sym2int.pl" "$@"; }
int2sym() { "$utils/int2sym.pl" "$@"; }
printf '<eps> 0\n<unk> 1\nčaj 2\ndům 3\n' > symbols
printf 'u1 čaj dům\nu2  dům\n' > words
check_equal "sym2int" "$(sym2int -f 2- symbols words)" $'u1 2 3\nu2 3'
check_equal "and back" "$(sym2int -f 2- symbols words | int2sym -f 2- symbols)" $'u1 čaj dům\nu2 dům'
check_equal "in the POSIX locale" "$(LC_ALL=POSIX sym2int -f 2- symbols words)" $'u1 2 3\nu2 3'
check_equal "--map-oov" "$(echo 'u1 x čaj' | sym2int --map-oov '<unk>' -f 2- symbols 2> warnings)" "u1 1 2"
check "is said" grep -q 'stdin:1: word 2: "x" becomes 1' warnings
# Kaldi takes a number as it is.
check_equal "--map-oov with a number" "$(echo 'u1 x čaj' | sym2int --map-oov 7 -f 2- symbols 2> /dev/null)" "u1 7 2"
check_equal "-f N" "$(echo 'čaj čaj čaj' | sym2int -f 2 symbols)" "čaj 2 čaj"
check_equal "-f -N" "$(echo 'čaj čaj x' | sym2int -f -2 symbols)" "2 2 x"
check_equal "-f N-M, or with a colon" "$(echo 'x čaj čaj x' | sym2int -f 2-3 symbols)$(echo 'x čaj čaj x' | sym2int -f 2:3 symbols)" "x 2 2 xx 2 2 x"
check_fails "an unknown symbol" 1 'words:1: word 1: "u1" is not in symbols; --map-oov' sym2int symbols words
check_fails "an unknown symbol for others" 1 'x: symbols has no such symbol' sym2int --map-oov x symbols words
check_fails "an unknown number" 1 'stdin:1: word 2: symbols has no symbol 9' bash -c 'echo u 9 | "$0" -f 2- symbols' "$utils/int2sym.pl"
check_fails "not a number" 1 'word 1: "u" is not a number' bash -c 'echo u 2 | "$0" symbols' "$utils/int2sym.pl"
check_fails "a bad table" 1 'words:1: wanted "symbol number"' sym2int words words
check_fails "bad fields" 2 '-f 0-x' sym2int -f 0-x symbols words

printf 'b-1 b\na-2 a\na-1 a\n' > utt2spk
check_equal "utt2spk_to_spk2utt" "$("$utils/utt2spk_to_spk2utt.pl" utt2spk)" $'a a-1 a-2\nb b-1'
check_equal "from stdin" "$("$utils/utt2spk_to_spk2utt.pl" < utt2spk)" $'a a-1 a-2\nb b-1'
check_equal "and back, sorted" "$("$utils/utt2spk_to_spk2utt.pl" utt2spk | "$utils/spk2utt_to_utt2spk.pl")" $'a-1 a\na-2 a\nb-1 b'
printf 'b-1 b\na-1 a x\n' > broken
check_fails "utt2spk with three words" 1 'broken:2: wanted "utterance speaker"' "$utils/utt2spk_to_spk2utt.pl" broken
printf 'b x\na x\n' > broken
check_fails "an utterance of two speakers" 1 'broken:2: "x" belongs to "b" already' "$utils/spk2utt_to_utt2spk.pl" broken

printf 'u1 čaj dům\nu2\nu3 ad\n' > text
check_equal "units: letters in code point order, the word mark last" \
  "$("$utils/make_units.py" text | tr '\n' ' ')" \
  "<blank> 0 <unk> 1 <sos/eos> 2 a 3 d 4 j 5 m 6 č 7 ů 8 ▁ 9 "
: > none
check_fails "units of no text" 1 'none holds no text' "$utils/make_units.py" none
for tool in "$utils"/*.pl; do
  check "$(basename "$tool") --help has an example" bash -c '"$0" --help | grep -q "e.g. utils/$(basename "$0")"' "$tool"
done
