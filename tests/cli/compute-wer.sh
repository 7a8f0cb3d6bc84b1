#!/usr/bin/env bash
# compute-wer: Kaldi's lines, modes, units, alignments, intervals, comparison, files.
. "$(dirname "$0")/../support/cli.sh"

printf '%s\n' 'u1 THE CAT SAT' 'u2 A B' 'u3' >"$tmp/ref"
printf '%s\n' 'u2 B' 'u3' 'u1 THE BAT SAT ON' >"$tmp/hyp"
wer() { compute-wer "$@" 2>/dev/null; }

check_equal "Kaldi's summary" "$(wer "ark:$tmp/ref" "ark:$tmp/hyp")" \
  '%WER 60.00 [ 3 / 5, 1 ins, 1 del, 1 sub ]
%SER 66.67 [ 2 / 3 ]
Scored 3 sentences, 0 not present in hyp.'
check_equal "from standard input" "$(wer "ark:$tmp/ref" ark:- <"$tmp/hyp" | head -n 1)" \
  '%WER 60.00 [ 3 / 5, 1 ins, 1 del, 1 sub ]'
check "stdout is data only" test -z "$(compute-wer "ark:$tmp/ref" "ark:$tmp/hyp" 2>/dev/null | grep LOG)"

head -n 2 "$tmp/hyp" >"$tmp/short"
check_fails "strict: a missing hypothesis" 1 '1 of 3 references have no hypothesis \(u1\)' \
  compute-wer "ark:$tmp/ref" "ark:$tmp/short"
check_fails "strict: a hypothesis too many" 1 '1 of 3 hypotheses have no reference \(u1\)' \
  compute-wer "ark:$tmp/short" "ark:$tmp/hyp"
check_equal "nothing on stdout then" "$(wer "ark:$tmp/ref" "ark:$tmp/short")" ''
check_equal "present" "$(wer --mode=present "ark:$tmp/ref" "ark:$tmp/short" | tr '\n' ' ')" \
  '%WER 50.00 [ 1 / 2, 0 ins, 1 del, 0 sub ] [PARTIAL] %SER 50.00 [ 1 / 2 ] Scored 2 sentences, 1 not present in hyp. '
check_equal "all" "$(wer --mode=all "ark:$tmp/ref" "ark:$tmp/short" | head -n 1)" \
  '%WER 80.00 [ 4 / 5, 0 ins, 4 del, 0 sub ] [PARTIAL]'
wer --mode=all --per-utt="$tmp/per-utt" "ark:$tmp/ref" "ark:$tmp/short" >/dev/null
check_equal "a missing hypothesis is marked" "$(grep '^u1 #' "$tmp/per-utt" | tr '\n' ' ')" 'u1 #csid 0 0 0 3 u1 #missing '
cat "$tmp/hyp" "$tmp/short" >"$tmp/twice"
check_fails "a key twice in the hypotheses" 1 'twice: utterance u2 occurs twice' compute-wer "ark:$tmp/ref" "ark:$tmp/twice"
check_fails "a key twice in the references" 1 'utterance u2 occurs twice' compute-wer "ark:$tmp/twice" "ark:$tmp/hyp"
: >"$tmp/empty"
check_fails "nothing to score" 1 'no utterance to score' compute-wer --mode=present "ark:$tmp/empty" "ark:$tmp/hyp"

printf '%s\n' 'u ÄB 中文' >"$tmp/cref"
printf '%s\n' 'u ÄB中 文' >"$tmp/chyp"
check_equal "characters and spaces" "$(wer --cer "ark:$tmp/cref" "ark:$tmp/chyp" | head -n 1)" \
  '%CER 40.00 [ 2 / 5, 1 ins, 1 del, 0 sub ]'
check_equal "characters" "$(wer --char "ark:$tmp/cref" "ark:$tmp/chyp" | head -n 1)" \
  '%CER 0.00 [ 0 / 4, 0 ins, 0 del, 0 sub ]'
check_fails "not both" 2 'one of them' compute-wer --cer --char "ark:$tmp/cref" "ark:$tmp/chyp"
printf 'u \377\n' >"$tmp/latin1"
check_fails "characters that are not UTF-8" 1 'utterance u, hypothesis: not UTF-8' compute-wer --cer "ark:$tmp/cref" "ark:$tmp/latin1"
check_fails "on the other side" 1 'utterance u, reference: not UTF-8' compute-wer --cer "ark:$tmp/latin1" "ark:$tmp/cref"
printf '%s\n' 'u1 The cat, sat.' 'u2 a b' 'u3 ...' >"$tmp/written"
check_equal "normalised" "$(wer --normalize=lowercase,no-punctuation "ark:$tmp/ref" "ark:$tmp/written" | head -n 1)" \
  '%WER 0.00 [ 0 / 5, 0 ins, 0 del, 0 sub ]'
check_fails "an unknown step" 2 'known steps are none, lowercase' compute-wer --normalize=upper "ark:$tmp/ref" "ark:$tmp/hyp"
printf 'u1 ȘTIINȚA Ạ Ґ Қ Բ ΟΔΟΣ ＡＢ１ STRASSE don\xe2\x80\x99t\n' >"$tmp/upper"
printf 'u1 s\xcc\xa6tiint\xcc\xa6a ạ ґ қ բ οδος AB1 straße \xe2\x80\x98don\xe2\x80\x99t\xe2\x80\x99.\n' >"$tmp/lower"
for steps in lowercase '3 / 9' nfc '9 / 9' lowercase,width '2 / 9' casefold '2 / 9' width,casefold,no-punctuation '0 / 9' nfkc,lowercase,no-punctuation '1 / 9'; do
  case $steps in *\ *) ;; *) name=$steps; continue ;; esac
  check_equal "--normalize=$name" "$(wer "--normalize=$name" "ark:$tmp/upper" "ark:$tmp/lower" | head -n 1 | sed 's/.*\[ \(.*\), . ins.*/\1/')" "$steps"
done
wer --normalize=width,casefold --json="$tmp/norm.json" "ark:$tmp/upper" "ark:$tmp/lower" >/dev/null
check "the steps stand in the report" grep -q '"normalize": "width,casefold"' "$tmp/norm.json"
hash=$(sed -n 's/.*"normalize_hash": "\([0-9a-f]*\)".*/\1/p' "$tmp/norm.json")
check_equal "with their hash" "${#hash}" 8
check_fails "and in the log" 0 "normalisation width,casefold \($hash\)" compute-wer --normalize=width,casefold "ark:$tmp/upper" "ark:$tmp/lower"
check_equal "and below the summary" "$(wer --normalize=width,casefold "ark:$tmp/upper" "ark:$tmp/lower" | tail -n 1)" "Normalised by width,casefold ($hash)"
# A map of the user's, the same as of normalize-text.
printf 'the\nhong kong\thongkong\ncan\xe2\x80\x99t can not\n' >"$tmp/map"
printf 'u1 The Hong Kong can\xe2\x80\x99t\nu2 x\n' >"$tmp/mref"
printf 'u1 hongkong CAN NOT\nu2 x\n' >"$tmp/mhyp"
mapped=("--normalize=casefold,map" "--normalize-map=$tmp/map")
check_equal "mapped" "$(wer "${mapped[@]}" "ark:$tmp/mref" "ark:$tmp/mhyp" | head -n 1)" '%WER 0.00 [ 0 / 4, 0 ins, 0 del, 0 sub ]'
check_equal "normalize-text does the same" "$(normalize-text "${mapped[@]}" "ark:$tmp/mref" ark,t:- 2>/dev/null | sed 's/ *$//')" $'u1 hongkong can not\nu2 x'
check_equal "so that nothing is left to do" "$(normalize-text "${mapped[@]}" "ark:$tmp/mref" ark,t:- 2>/dev/null | wer ark:- "ark:$tmp/mhyp" | head -n 1)" \
  '%WER 50.00 [ 2 / 4, 0 ins, 0 del, 2 sub ]'
check_fails "and says what it did" 0 "Normalised by casefold,map \($(wer "${mapped[@]}" "ark:$tmp/mref" "ark:$tmp/mhyp" | sed -n 's/.*map (\(.*\)).*/\1/p')\)" \
  normalize-text "${mapped[@]}" "ark:$tmp/mref" ark:/dev/null
check_equal "normalize-text: nothing by default" "$(printf 'u  A\xc2\xa0B.\n' | normalize-text ark:- ark,t:- 2>/dev/null)" "u A B. "
printf 'u1 \377\nu2 A\n' >"$tmp/mbad"
check_fails "normalize-text: not UTF-8" 1 'utterance u1: .*not UTF-8' normalize-text --normalize=lowercase "ark:$tmp/mbad" "ark,t:$tmp/mout"
check_equal "the others are written" "$(cat "$tmp/mout")" "u2 a "
check_fails "a step without its file" 2 'the step map needs a file' normalize-text --normalize=map "ark:$tmp/mref" ark,t:-
check_fails "a file without its step" 2 'has no step map' compute-wer "--normalize-map=$tmp/map" "ark:$tmp/mref" "ark:$tmp/mhyp"
printf 'a b\na c\n' >"$tmp/badmap"
check_fails "a bad map" 1 "badmap:2: 'a' stands in line 1" normalize-text --normalize=map "--normalize-map=$tmp/badmap" "ark:$tmp/mref" ark,t:-
check_fails "words that are not UTF-8 are told" 0 'latin1: text that is not UTF-8 is compared byte by byte: 1 time, in utterance u' \
  compute-wer "ark:$tmp/cref" "ark:$tmp/latin1"
check_fails "an unknown mode" 2 'known modes are strict, present, all' compute-wer --mode=lax "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "an unknown alignment" 2 'known rules are kaldi, sclite' compute-wer --align=x "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "too few arguments" 2 argument compute-wer "ark:$tmp/ref"

# Kaldi's third argument: what was done to each word, in align-text's alignment.
check_equal "edits, before the summary" "$(wer --text "ark:$tmp/ref" "ark:$tmp/hyp" -)" 'correct THE
substitution CAT BAT
correct SAT
insertion ON
deletion A
correct B
%WER 60.00 [ 3 / 5, 1 ins, 1 del, 1 sub ]
%SER 66.67 [ 2 / 3 ]
Scored 3 sentences, 0 not present in hyp.'
check_equal "edits in a file" "$(wer --mode=present "ark:$tmp/ref" "ark:$tmp/short" "$tmp/edits" | head -n 1; tr '\n' ' ' <"$tmp/edits")" \
  '%WER 50.00 [ 1 / 2, 0 ins, 1 del, 0 sub ] [PARTIAL]
deletion A correct B '
printf 'u1 a b\n' >"$tmp/ab"
printf 'u1 b a\n' >"$tmp/ba"
check_equal "edits of a tie, as Kaldi's" "$(wer "ark:$tmp/ab" "ark:$tmp/ba" - | head -n 2 | tr '\n' ' ')" 'substitution a b substitution b a '
check_equal "edits in sclite's alignment" "$(wer --align=sclite --cer ark:"$tmp/cref" ark:"$tmp/chyp" - | head -n 3 | tr '\n' ' ')" \
  'correct Ä correct B deletion <space> '
check_fails "edits over an input" 2 'argument 3' compute-wer "ark:$tmp/ref" "ark:$tmp/hyp" "$tmp/hyp"
check_fails "edits and a report in one place" 2 'json' compute-wer --json=- "ark:$tmp/ref" "ark:$tmp/hyp" -
check_fails "four arguments" 2 '4 arguments' compute-wer "ark:$tmp/ref" "ark:$tmp/hyp" "$tmp/edits" x

golden_ref=$(golden_path wer/ref.txt)
if [ -n "$golden_ref" ]; then
  golden_hyp=${golden_ref%ref.txt}hyp.txt
  check_equal "golden set, minimum edit distance" "$(wer "ark:$golden_ref" "ark:$golden_hyp" | cut -d, -f1 | head -n 1)" \
    '%WER 51.61 [ 847 / 1641'
  check_equal "golden set, sclite's weights" "$(wer --align=sclite "ark:$golden_ref" "ark:$golden_hyp" | head -n 1)" \
    '%WER 52.10 [ 855 / 1641, 267 ins, 274 del, 314 sub ]'
  wer --per-utt="$tmp/per-utt" "ark:$golden_ref" "ark:$golden_hyp" >"$tmp/summary"
  check_equal "the table per utterance adds up to the summary" \
    "$(awk '$2 == "#csid" { s += $4; i += $5; d += $6; n += $3 + $4 + $6 } END { print s + i + d, n, i, d, s }' "$tmp/per-utt")" \
    "$(sed -n '1s/[^0-9 ]//gp' "$tmp/summary" | awk '{ print $2, $3, $4, $5, $6 }')"
  check_equal "two runs, the same interval" "$(wer --bootstrap "ark:$golden_ref" "ark:$golden_hyp")" \
    "$(wer --bootstrap "ark:$golden_ref" "ark:$golden_hyp")"
  check_equal "interval line" "$(wer --bootstrap "ark:$golden_ref" "ark:$golden_hyp" | tail -n 1 | sed 's/[0-9.]*, [0-9.]* \]/X ]/')" \
    'Interval 95% [ X ] by bootstrap over 300 utterances, 10000 draws, seed 1'
  awk '{ print $1, "spk" NR % 7 }' "$golden_ref" >"$tmp/utt2spk"
  check_equal "speakers are drawn" \
    "$(wer --bootstrap --utt2spk="$tmp/utt2spk" "ark:$golden_ref" "ark:$golden_hyp" | grep -c 'over 7 speakers')" 1
  check_equal "the same hypotheses do not differ" \
    "$(wer --compare="ark:$golden_hyp" "ark:$golden_ref" "ark:$golden_hyp" | tail -n 2 | sed 's/APSSWE [0-9]*/APSSWE N/')" \
    'Difference 0.00 (second - first), interval 95% [ 0.00, 0.00 ]: no difference
MAPSSWE N segments, mean 0.000 (second - first), Z 0.000, p 1.0000: no difference'
  check_equal "perfect hypotheses are better" \
    "$(wer --compare="ark:$golden_ref" "ark:$golden_ref" "ark:$golden_hyp" | tail -n 1 | sed 's/.*: //')" 'the second is better'
  check "JSON" compute-wer --compare="ark:$golden_ref" --json="$tmp/wer.json" "ark:$golden_ref" "ark:$golden_hyp"
  if command -v python3 >/dev/null; then
    check_equal "JSON holds the same numbers" "$(python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
print(j["errors"], j["units"], round(j["error_rate"], 2), j["second"]["errors"], j["difference"]["verdict"])' "$tmp/wer.json")" \
      '847 1641 51.61 0 the second is better'
  else
    skip "JSON holds the same numbers" "no python3"
  fi
else
  skip "golden set" "no wer/ref.txt"
fi
check_fails "a second hypothesis of other utterances" 1 'no hypothesis' \
  compute-wer --compare="ark:$tmp/short" "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "an utterance without speaker" 1 'u1 is not in' \
  compute-wer --bootstrap --utt2spk=<(echo u2 s) "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "a table of speakers without one" 1 'empty-utt2spk: no utterances' \
  bash -c 'printf "\xef\xbb\xbf \n" >"$0/empty-utt2spk"; compute-wer --bootstrap --utt2spk="$0/empty-utt2spk" "ark:$0/ref" "ark:$0/hyp"' "$tmp"
check_fails "a report that cannot be written" 1 'none/x' compute-wer --per-utt="$tmp/none/x" "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "a full disk" 1 'write' bash -c 'compute-wer "$1" "$2" >/dev/full' - "ark:$tmp/ref" "ark:$tmp/hyp"
printf 'u1\n' >"$tmp/nothing"
check_equal "empty references" "$(wer "ark:$tmp/nothing" "ark:$tmp/nothing" | head -n 1)" \
  '%WER 0.00 [ 0 / 0, 0 ins, 0 del, 0 sub ]'
printf 'u1 X\n' >"$tmp/inserted"
check_fails "an error rate of nothing is no number" 0 'references are empty: there is no error rate' \
  compute-wer --bootstrap --json="$tmp/inf.json" "ark:$tmp/nothing" "ark:$tmp/inserted"
check_equal "its insertions count" "$(cat "$tmp/.check.out")" '%WER inf [ 1 / 0, 1 ins, 0 del, 0 sub ]
%SER 100.00 [ 1 / 1 ]
Scored 1 sentences, 0 not present in hyp.'
check_equal "it has no interval" "$(grep -cE '"(error_rate|interval95)": null' "$tmp/inf.json")" 2
wer --json="$tmp/wer.json" "ark:$tmp/ref" "ark:$tmp/hyp" >/dev/null
check_equal "empty references and hypotheses are counted" "$(grep -cE '"empty_(references|hypotheses)": 1' "$tmp/wer.json")" 2
compute-wer "ark:$tmp/ref" "ark:$tmp/hyp" >"$tmp/plain" 2>/dev/null
if have_german; then
  check_equal "another locale" "$(german compute-wer "ark:$tmp/ref" "ark:$tmp/hyp" 2>/dev/null)" "$(cat "$tmp/plain")"
else
  skip "another locale" "localedef cannot make de_DE.UTF-8 (package locales)"
fi
closed_stderr() { compute-wer --json="$tmp/quiet.json" "ark:$tmp/ref" "ark:$tmp/hyp" 2>&-; }
check "without standard error" closed_stderr
closed_stdout() { compute-wer --json="$tmp/silent.json" "ark:$tmp/ref" "ark:$tmp/hyp" >&-; }
check_fails "without standard output" 1 'standard output' closed_stdout
check "the files are whole" cmp "$tmp/quiet.json" "$tmp/silent.json"
closed_pipe() { { sleep 0.1; compute-wer "ark:$tmp/ref" "ark:$tmp/hyp"; } | :; return "${PIPESTATUS[0]}"; }
check_fails "a closed pipe" 1 'standard output' closed_pipe
printf 'u \0B' >"$tmp/binary"
check_fails "a binary table" 1 "binary: key 'u' at byte 0: binary data where words are expected" \
  compute-wer "ark:$tmp/binary" "ark:$tmp/hyp"

# Listed words and all others apart.
printf 'u1 CALL ZOE NOW\nu2 NEW YORK ZOE\n' >"$tmp/biasref"
printf 'u1 CALL SO NOW ZOE\nu2 NEW YORK ZOE\n' >"$tmp/biashyp"
printf 'ZOE\t3\n\nNEW YORK\n' >"$tmp/phrases"
check_equal "biased and unbiased words" "$(wer --biased-words="$tmp/phrases" "ark:$tmp/biasref" "ark:$tmp/biashyp" | tail -n 2)" \
  '%B-WER 50.00 [ 2 / 4, 1 ins, 0 del, 1 sub ] of 2 phrases
%U-WER 0.00 [ 0 / 2, 0 ins, 0 del, 0 sub ] of 2 phrases'
check "with intervals, as JSON" compute-wer --bootstrap --compare="ark:$tmp/biasref" --json="$tmp/bias.json" \
  --biased-words="$tmp/phrases" "ark:$tmp/biasref" "ark:$tmp/biashyp"
check_equal "the first line is Kaldi's" "$(head -n 1 "$tmp/.check.out")" '%WER 33.33 [ 2 / 6, 1 ins, 0 del, 1 sub ]'
check_equal "the second hypothesis" "$(grep -c '^B-WER second 0.00 ' "$tmp/.check.out")" 1
check_equal "parts add up" "$(python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
print(*(j["biased"][k] + j["unbiased"][k] - j[k] for k in ("errors", "units", "correct", "insertions", "deletions", "substitutions")))' \
  "$tmp/bias.json")" '0 0 0 0 0 0'
check_fails "no phrases" 1 'none: no phrases; expected one word' \
  bash -c 'echo >"$0/none"; compute-wer --biased-words="$0/none" "ark:$0/biasref" "ark:$0/biashyp"' "$tmp"
check_fails "words are no characters" 2 'biased-words counts words' \
  compute-wer --char --biased-words="$tmp/phrases" "ark:$tmp/biasref" "ark:$tmp/biashyp"

# Labels of utterances.
printf 'u1 en\nu2 de\nu3 en\nu9 fr\n' >"$tmp/utt2lang"
check_equal "by label" "$(wer --utt2label="$tmp/utt2lang" "ark:$tmp/ref" "ark:$tmp/hyp" | tail -n 2)" \
  'Label de 50.00 [ 1 / 2, 0 ins, 1 del, 0 sub ] of 1 utterance
Label en 66.67 [ 2 / 3, 1 ins, 0 del, 1 sub ] of 2 utterances'
wer --utt2label="$tmp/utt2lang" --compare="ark:$tmp/ref" --json="$tmp/label.json" "ark:$tmp/ref" "ark:$tmp/hyp" >"$tmp/labels"
check_equal "by label, compared" "$(grep '^Label en [sd]' "$tmp/labels")" \
  'Label en second 0.00 [ 0 / 3, 0 ins, 0 del, 0 sub ], interval 95% [ 0.00, 0.00 ]
Label en difference -66.67 (second - first), interval 95% [ -66.67, -66.67 ]: the second is better'
check_equal "by label, as JSON" "$(python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
for label, part in j["labels"].items(): print(label, part["errors"], part["second"]["errors"], end=" ")
print("phrases" in j)' "$tmp/label.json")" \
  'de 1 0 en 2 0 False'
check_fails "an utterance without label" 1 'one: no label for utterance u2' \
  bash -c 'echo u1 x >"$0/one"; compute-wer --utt2label="$0/one" "ark:$0/ref" "ark:$0/hyp"' "$tmp"
check_fails "labels that are none" 1 'no utterances; expected lines of an utterance and its label' \
  compute-wer --utt2label="$tmp/empty" "ark:$tmp/ref" "ark:$tmp/hyp"

# Speakers in Kaldi's and sclite's tables, counts of pairs.
printf 'u1 s\nu2 t\nu3 s\n' >"$tmp/spk"
check_equal "per speaker" "$(wer --utt2spk="$tmp/spk" --per-spk=/dev/fd/3 "ark:$tmp/ref" "ark:$tmp/hyp" 3>&1 >/dev/null | awk '{ print $1, $2, $3, $4, $9, $10 }')" \
  'SPEAKER id #SENT #WORD Err S.Err
s raw 2 3 2 1
s sys 2 3 66.67 50.00
t raw 1 2 1 1
t sys 1 2 50.00 100.00
SUM raw 3 5 3 2
SUM sys 3 5 60.00 66.67'
check_equal "operations" "$(wer --ops=/dev/fd/3 "ark:$tmp/ref" "ark:$tmp/hyp" 3>&1 >/dev/null)" \
  'insertion     <eps>       ON    1
deletion          A    <eps>    1
correct           B        B    1
substitution    CAT      BAT    1
correct         SAT      SAT    1
correct         THE      THE    1'
check_fails "speakers are needed" 2 'per-spk needs --utt2spk' compute-wer --per-spk="$tmp/x" "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "speakers are used" 2 'utt2spk needs --bootstrap, --per-spk or --pra' compute-wer --utt2spk="$tmp/spk" "ark:$tmp/ref" "ark:$tmp/hyp"
check_equal "sclite's alignments" "$(wer --align=sclite --utt2spk="$tmp/spk" --pra=/dev/fd/3 "ark:$tmp/ref" "ark:$tmp/hyp" 3>&1 >/dev/null | sed -n '3,/u3/p')" \
"		DUMP OF SYSTEM ALIGNMENT STRUCTURE

System name:   ark:$tmp/hyp

Speakers: 
    0:  s
    1:  t

Speaker sentences   0:  s   #utts: 2
id: (u1)
Scores: (#C #S #D #I) 2 1 0 1
Attributes: Case_sensitve 
REF:  THE CAT SAT ** 
HYP:  THE BAT SAT ON 
Eval:     S       I  

id: (u3)"

# Several other systems.
cp "$tmp/ref" "$tmp/perfect"
several=(--compare="ark:$tmp/perfect" --compare="ark:$tmp/hyp" --json="$tmp/several.json" "ark:$tmp/ref" "ark:$tmp/hyp")
check_equal "several systems" "$(wer "${several[@]}" | sed -n '5,$s/interval 95% [^]]*\]/X/p;/MAPSSWE/p')" \
"System 2 0.00 [ 0 / 5, 0 ins, 0 del, 0 sub ], X: ark:$tmp/perfect
System 2 difference -60.00 (from the first), X, p 0.0002, Holm's p 0.0004: system 2 is better
System 2 MAPSSWE 2 segments, mean -1.500, Z -3.000, p 0.0027, Holm's p 0.0054: system 2 is better
System 3 60.00 [ 3 / 5, 1 ins, 1 del, 1 sub ], X: ark:$tmp/hyp
System 3 difference 0.00 (from the first), X, p 1.0000, Holm's p 1.0000: no difference
System 3 MAPSSWE 2 segments, mean 0.000, Z 0.000, p 1.0000, Holm's p 1.0000: no difference"
check_equal "several systems, as JSON" "$(python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
print(j["second"]["errors"], *(x for c in j["comparisons"] for x in (c["errors"], c["mapsswe"]["segments"])))' "$tmp/several.json")" '0 0 2 3 2'
check_fails "one of several is missing" 1 'absent' compute-wer --compare="ark:$tmp/perfect" --compare="ark:$tmp/absent" "ark:$tmp/ref" "ark:$tmp/hyp"
check_fails "one of several is written over" 2 'compare=ark:.*perfect' compute-wer --compare="ark:$tmp/perfect" --compare="ark:$tmp/hyp" --json="$tmp/perfect" "ark:$tmp/ref" "ark:$tmp/short"

# A page with nothing outside it, and nothing of the texts taken for markup.
printf '%s\n' 'u1 <b>A</b> & "C" d' 'u2 SAME' 'u3 X Y Z' >"$tmp/markup-ref"
printf '%s\n' 'u1 <b>A</b> <script>x</script> "C"' 'u2 SAME' 'u3' >"$tmp/markup-hyp"
check "a page" compute-wer --html="$tmp/page.html" "ark:$tmp/markup-ref" "ark:$tmp/markup-hyp"
check_equal "a page: what the alignments are" "$(grep '<p dir' "$tmp/page.html")" \
'<p dir="auto"><del>X Y Z</del></p></article>
<p dir="auto">&lt;b&gt;A&lt;/b&gt; <del>&amp;</del> <ins>&lt;script&gt;x&lt;/script&gt;</ins> &quot;C&quot; <del>d</del></p></article>'
check_equal "a page: nothing from outside" "$(grep -cE '<script|src=|href=|url\(|@import' "$tmp/page.html")" 0
check_equal "a page: the summary" "$(grep -c '^%SER 66.67' "$tmp/page.html")" 1
if command -v python3 >/dev/null; then
  check_equal "a page: every element is closed" "$(python3 -c '
import sys
from html.parser import HTMLParser
class Checker(HTMLParser):
    stack = []
    def handle_starttag(self, tag, attrs):
        if tag != "meta": self.stack.append(tag)
    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag
c = Checker()
c.feed(open(sys.argv[1], encoding="utf-8").read())
print(len(c.stack))' "$tmp/page.html")" 0
fi
printf 'u \377\xe2\x80\x8b\n' >"$tmp/bytes"
wer --html="$tmp/page.html" "ark:$tmp/cref" "ark:$tmp/bytes" >/dev/null
check_equal "a page is UTF-8" "$(grep -c '<ins>\\xff\\u{200B}</ins>' "$tmp/page.html")" 1
check "help" compute-wer --help
