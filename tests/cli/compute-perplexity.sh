#!/usr/bin/env bash
# compute-perplexity: its figures by hand, bad input, and those of irstlm and KenLM where they are installed.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

cat >lm.arpa <<'ARPA'
\data\
ngram 1=5
ngram 2=1

\1-grams:
-99 <s> -0.5
-1 </s>
-1 A -0.25
-2 B
-3 <unk>

\2-grams:
-0.5 <s> A

\end\
ARPA
printf '%s\n' 'u1 A B' 'u2 ZEBRA' 'u3' >text
# log10: u1 -0.5 -0.25-2 -1 = -3.75; u2 -0.5-3 (the unknown word) and -1; u3 -0.5-1. Without: -6.25 of 5 tokens.
compute() { compute-perplexity lm.arpa ark:text 2>log; }
check_equal "by hand" "$(compute)" "Sentences: 3
Words: 3
OOVs: 1
OOV rate: 33.3333 %
Log-probability without OOVs: -14.3912
Perplexity without OOVs: 17.7828
Perplexity with OOVs as <unk>: 42.1697"
check "the model is described" grep -q 'lm.arpa: order 2, 5 1-grams, 1 2-grams' log
gzip -c lm.arpa >lm.arpa.gz
check_equal "compressed" "$(compute-perplexity 'gunzip -c lm.arpa.gz |' ark:- <text 2>/dev/null)" "$(compute)"
check "scores" compute-perplexity --per-utt=lines lm.arpa ark:text ark,t:scores
check_equal "of each utterance" "$(cat scores)" 'u1  [ -8.634694 ]
u2  [ -10.361633 ]
u3  [ -3.4538777 ]'
check_equal "in parts" "$(cat lines)" 'u1 2 0 -8.63469 0
u2 1 1 -2.30259 -8.05905
u3 0 0 -3.45388 0'
sed '/<unk>/d; s/ngram 1=5/ngram 1=4/' lm.arpa >closed.arpa
check_equal "a model without <unk>" "$(compute-perplexity closed.arpa ark:text 2>/dev/null | grep -c Perplexity)" 1
: >empty
check_fails "no text" 1 'Done 0 utterances' compute-perplexity lm.arpa ark:empty
printf '%s\n' 'u1 <s> A </s>' 'u2 A' >marked
check_fails "sentence marks in the text" 1 "utterance u1: .*'<s>' within the text" compute-perplexity lm.arpa ark:marked
check_fails "a model with a wrong count" 1 'x.arpa:12: section .1-grams: ends here with 5 n-grams, but .data. says ngram 1=6' \
  bash -c "sed 's/ngram 1=5/ngram 1=6/' lm.arpa >x.arpa; compute-perplexity x.arpa ark:text"
check_fails "a compressed model" 1 'gunzip -c' compute-perplexity lm.arpa.gz ark:text
check_fails "no model" 1 absent compute-perplexity absent ark:text
check_fails "a wrong order of arguments" 1 'no line .data' compute-perplexity text ark:text
check_fails "too few arguments" 2 argument compute-perplexity lm.arpa
check "help" compute-perplexity --help

# A text with unknown words, and models of the order and smoothing that irstlm makes of it.
sentences() { # FIRST LAST: of the licences of Debian
  cat /usr/share/common-licenses/{GPL-3,Apache-2.0} | tr 'A-Z' 'a-z' | tr -c "a-z'\n" ' ' | grep '[a-z]' | sed -n "$1,$2p"
}
irstlm=/usr/lib/irstlm/bin
if [ ! -x $irstlm/tlm ]; then
  skip "the perplexities of irstlm" "no irstlm"
elif [ ! -e /usr/share/common-licenses/GPL-3 ]; then
  skip "the perplexities of irstlm" "no common licences"
else
  marked() { sed 's/^/<s> /; s/$/ <\/s>/'; }
  sentences 1 600 | marked >train.marked
  sentences 601 1000 | marked >test.marked
  sentences 601 1000 | awk '{ print "u" NR, $0 }' >test.text
  for kind in wb.yes wb.no ikn.yes ikn.no; do
    $irstlm/tlm -tr=train.marked -n=3 -lm=${kind%.*} -bo=${kind#*.} -o=$kind.arpa >tlm.log 2>&1
    # irstlm takes an unknown word for one of the words that it could be: 10^7 without those of the model.
    theirs=$($irstlm/compile-lm $kind.arpa --eval=test.marked 2>/dev/null | sed -n 's/^%% //p')
    ours=$(compute-perplexity $kind.arpa ark:test.text ark,t:$kind.scores 2>/dev/null)
    check_equal "the perplexity of irstlm, $kind" "$(awk -F': ' -v words="$(grep -c . <(tr ' ' '\n' <train.marked | sort -u))" '
      { value[$1] = $2 }
      END {
        n = value["Words"] + value["Sentences"]
        printf "Nw=%d PP=%.1f Noov=%d\n", n, value["Perplexity with OOVs as <unk>"] * (1e7 - words) ^ (value["OOVs"] / n), value["OOVs"]
      }' <<<"$ours")" "$(sed -E 's/^(Nw=[0-9]+) PP=([0-9.]+) .* (Noov=[0-9]+) .*/\1 \2 \3/' <<<"$theirs" | awk '{ printf "%s PP=%.1f %s\n", $1, $2, $3 }')"
  done
  if ! python3 -c 'import kenlm' 2>/dev/null; then
    skip "the scores of KenLM" "no Python package kenlm"
  else
    kenlm_scores() { # MODEL: the largest difference of an utterance
      python3 - "$1" <<'PYTHON'
import math, sys
import kenlm
model = kenlm.Model(sys.argv[1] + '.arpa')
scores = {f[0]: float(f[2]) for f in map(str.split, open(sys.argv[1] + '.scores'))}
worst = 0
for line in open('test.text'):
    key, *words = line.split()
    worst = max(worst, abs(model.score(' '.join(words)) * math.log(10) - scores.pop(key)))
assert not scores and worst < 1e-4, (scores, worst)
PYTHON
    }
    check "the scores of KenLM" kenlm_scores ikn.yes
    check "the scores of KenLM" kenlm_scores wb.no
  fi
fi
