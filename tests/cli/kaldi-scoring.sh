#!/usr/bin/env bash
# align-text and compute-wer-bootci, as in Kaldi.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

printf '%s\n' 'key1 a b c' 'key2 d e' 'key3' 'key4 x' 'key5 ä ö ü' 'key6 b b' >one.txt
printf '%s\n' 'key2 f e' 'key1 a c' 'key3 x y' 'key4' 'key5 ä ö ß' 'key6 b' >two.txt
check "align-text" align-text ark:one.txt ark:two.txt ark,t:x.txt
check_equal "align-text: as in Kaldi's usage" "$(sed 's/ *$//' x.txt)" 'key1 a a ; b <eps> ; c c
key2 d f ; e e
key3 <eps> x ; <eps> y
key4 x <eps>
key5 ä ä ; ö ö ; ü ß
key6 b <eps> ; b b'
check_equal "align-text: other symbols" \
  "$(align-text --special-symbol='***' --separator='|' ark:one.txt ark:two.txt ark,t:- 2>/dev/null | sed -n 's/ *$//; 1p')" \
  'key1 a a | b *** | c c'
if command -v python3 >/dev/null; then
  python3 -c '
import random
random.seed(5)
for name in "ref", "hyp":
  with open(name, "w") as f:
    for u in range(400):
      print("u%03d" % u, *random.choices("ab" if u < 200 else "abcd", k=random.randrange(9)), file=f)'
  check "align-text: many" align-text ark:ref ark:hyp ark,t:x.txt
  check_equal "align-text: as tried out" "$(sed 's/ *$//' x.txt)" "$(python3 "$root/tests/support/kaldi_tools.py" align ref hyp)"
fi
printf 'key1 a\nkey2 a <eps> b\nkey3 ; a\n' >symbol.txt
printf 'key1 a\nkey2 a b\nkey3 a\nkey4 x\n' >plain.txt
check_fails "align-text: the symbol in a text" 1 "utterance key2: .*first text has the word '<eps>'.*--special-symbol" \
  align-text ark:symbol.txt ark:plain.txt ark,t:x.txt
check_equal "align-text: the others, a separator as a word too" "$(sed 's/ *$//' x.txt)" $'key1 a a\nkey3 ; <eps> ; a a'
check_fails "align-text: the symbol in the other" 1 "second text has the word" align-text ark:plain.txt ark:symbol.txt ark,t:x.txt
check_fails "align-text: a missing utterance" 1 "utterance key4: .*no entry for key 'key4'" align-text ark:plain.txt ark:symbol.txt ark,t:x.txt
check "align-text: that may be" align-text --max-failures=2 ark:plain.txt ark:symbol.txt ark,t:x.txt
check_fails "align-text: a bad separator" 2 "separator='a b': expected one word" align-text '--separator=a b' ark:one.txt ark:two.txt ark,t:x.txt
check_fails "align-text: an empty symbol" 2 "special-symbol='': expected one word" align-text --special-symbol= ark:one.txt ark:two.txt ark,t:x.txt
check_fails "align-text: two arguments" 2 "2 arguments" align-text ark:one.txt ark:two.txt

bootci() { compute-wer-bootci --print-args=false "$@" 2>/dev/null; }
number='-?[0-9]+\.[0-9][0-9]'
# Every utterance has one error in four words: no draw differs.
for i in 1 2 3 4 5; do echo "u$i a b c d" >&3; echo "u$i a b c x" >&4; echo "u$i a b c d" >&5; done 3>r 4>h 5>h2
check_equal "compute-wer-bootci: its line" "$(bootci ark:r ark:h)" 'Set1: %WER 25.00 95% Conf Interval [ 25.00, 25.00 ]'
check_equal "compute-wer-bootci: two systems" "$(bootci --replications=100 ark:r ark:h ark:h2)" \
  'Set1: %WER 25.00 95% Conf Interval [ 25.00, 25.00 ]
Set2: %WER 0.00 95% Conf Interval [ 0.00, 0.00 ]
Probability of Set2 improving Set1: 100.00'
check_equal "compute-wer-bootci: the same twice" "$(bootci ark:r ark:h ark:h | tail -n 1)" "Probability of Set2 improving Set1: 0.00"
check_equal "compute-wer-bootci: from a pipe" "$(bootci --mode=present ark:r ark,p:- <h)" 'Set1: %WER 25.00 95% Conf Interval [ 25.00, 25.00 ]'
if command -v python3 >/dev/null; then
  read -r rate reach < <(python3 "$root/tests/support/kaldi_tools.py" spread ref hyp)
  bootci ark:ref ark:hyp >x.txt
  check "compute-wer-bootci: two digits" grep -qE "^Set1: %WER $number 95% Conf Interval \[ $number, $number \]\$" x.txt
  check "compute-wer-bootci: rate and interval" awk -v rate="$rate" -v reach="$reach" '
    function near(x, y) { return x - y < 0.4 && y - x < 0.4 }
    END { sub(",", "", $8); exit !(near($3, rate) && near($8, rate - reach) && near($9, rate + reach)) }' x.txt
  check_equal "compute-wer-bootci: the same again" "$(bootci ark:ref ark:hyp)" "$(cat x.txt)"
  check_equal "compute-wer-bootci: another seed" "$(bootci --seed=2 ark:ref ark:hyp | cmp -s - x.txt; echo $?)" 1
  # A system that is better in most utterances.
  awk '{ if (NR % 3) print; else print $1 }' ref >better
  check_equal "compute-wer-bootci: surely better" "$(bootci ark:ref ark:hyp ark:better | tail -n 1)" "Probability of Set2 improving Set1: 100.00"
  check_equal "compute-wer-bootci: surely worse" "$(bootci ark:ref ark:better ark:hyp | tail -n 1)" "Probability of Set2 improving Set1: 0.00"
fi
# Kaldi's wer_details, which come from align-text's alignment.
if command -v python3 >/dev/null; then
  awk '{ print $1, "speaker-" NR % 7 }' ref >utt2spk
  python3 "$root/tests/support/kaldi_tools.py" details ref hyp utt2spk
  compute-wer --align=kaldi-text --utt2spk=utt2spk --per-utt=p --ops=o --per-spk=s ark:ref ark:hyp >summary 2>/dev/null
  check "wer_details: per_utt" cmp p per_utt
  check "wer_details: ops" cmp o ops
  check "wer_details: per_spk" cmp s per_spk
  check_equal "wer_details: the sum is the summary" "$(awk '$1 == "SUM" && $2 == "sys" { print $9, $10 }' s)" \
    "$(sed -n 's/^%[WS]ER \([0-9.]*\) .*/\1/p' summary | tr '\n' ' ' | sed 's/ $//')"
fi
sed 2d h >short
sed 4d h2 >short2
check_fails "compute-wer-bootci: strict" 1 '1 of 5 references have no hypothesis \(u2\)' compute-wer-bootci ark:r ark:short
check_equal "compute-wer-bootci: present" "$(bootci --mode=present ark:r ark:short)" 'Set1: %WER 25.00 95% Conf Interval [ 25.00, 25.00 ]'
check_equal "compute-wer-bootci: present in both" "$(bootci --mode=present ark:r ark:short ark:short2)" \
  'Set1: %WER 25.00 95% Conf Interval [ 25.00, 25.00 ]
Set2: %WER 0.00 95% Conf Interval [ 0.00, 0.00 ]
Probability of Set2 improving Set1: 100.00'
check_equal "compute-wer-bootci: all" "$(bootci --mode=all ark:r ark:short2 | cut -d' ' -f2)" "%WER"
: >none
check_equal "compute-wer-bootci: all of nothing" "$(bootci --mode=all ark:r ark:none)" 'Set1: %WER 100.00 95% Conf Interval [ 100.00, 100.00 ]'
check_fails "compute-wer-bootci: nothing to score" 1 'no utterance to score' compute-wer-bootci --mode=present ark:r ark:none
printf 'u1\nu2\n' >silent
check_fails "compute-wer-bootci: no words" 1 'all references are empty' compute-wer-bootci ark:silent ark:silent
check_fails "compute-wer-bootci: an utterance twice" 1 'utterance u1 occurs twice' compute-wer-bootci ark:r 'ark:cat h h |'
check_fails "compute-wer-bootci: a mode" 2 'mode=some: unknown; known modes are' compute-wer-bootci --mode=some ark:r ark:h
check_fails "compute-wer-bootci: no draws" 2 'replications=0: expected 1 or more' compute-wer-bootci --replications=0 ark:r ark:h
check_fails "compute-wer-bootci: one argument" 2 '1 arguments' compute-wer-bootci ark:r
