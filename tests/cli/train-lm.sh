#!/usr/bin/env bash
# train-lm.sh and lm_text.py: n-gram models by irstlm, of words and of units, without the texts that are measured.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip train-lm "no python3"
  exit 0
fi
export PATH=$root/utils/steps:$root/utils:$PATH
mkdir "$tmp/with space" # in the names of all files below
cd "$tmp/with space" || exit 1

# Sentences of a made-up language, in which the next word hangs on the last one.
python3 - << 'EOP'
import random
rng = random.Random(1)
words = [f'{a}{b}{c}' for a in 'kmtp' for b in 'aeiou' for c in 'nsr']
def sentence():
    at, out = rng.randrange(len(words)), []
    for _ in range(rng.randrange(2, 12)):
        out.append(words[at])
        if rng.random() < 0.15:  # rare words, as every language has them
            out.append(f'x{min(int(rng.paretovariate(0.6)), 99999)}')
        at = (at * 7 + rng.choice((1, 1, 1, 2, 5, rng.randrange(60)))) % len(words)
    return ' '.join(out)
with open('corpus.txt', 'w') as f, open('dev', 'w') as dev:
    for i in range(3000):
        s = sentence()
        print(s, file=f)
        if i < 40:  # in other letters, with other marks
            print(f'u{i}', s.capitalize() + '!', file=dev)
        if i >= 2960:
            print(f'u{i}', sentence(), file=dev)
EOP
seen() { # <text> <others>: sentences of the text that the others have
  cut -d ' ' -f 2- "${@:2}" | tr -d '!' | tr '[:upper:]' '[:lower:]' | sort -u | comm -12 - <(sort -u "$1") | wc -l
}
check_equal "the corpus holds what is to be measured" "$([ "$(seen corpus.txt dev)" -ge 40 ] && echo yes)" yes
check "sentences without others" bash -c 'lm_text.py corpus.txt dev > kept.txt'
check_equal "none of them is left" "$(seen kept.txt dev)" 0
check_equal "but all the others" "$(grep -cvxFf kept.txt corpus.txt) $(sort -u corpus.txt | wc -l)" \
  "$(cut -d ' ' -f 2- dev | tr -d '!' | tr '[:upper:]' '[:lower:]' | grep -cxFf - corpus.txt) $(sort -u corpus.txt | wc -l)"
printf '%s\n' 'k1 a  b' 'k2' '' 'k3 <s> x' "k4 $(printf 'y%.0s' {1..300})" $'k5 c\u00a0d' > keyed.txt
check_equal "keys, marks, long words, white space" "$(lm_text.py --keys true keyed.txt 2> log)" $'a b\nc d'
check_equal "and what is told" "$(sed 's/^lm_text.py: //' log)" \
  $'2 sentences with marks such as <s> or words of more than 200 bytes are left out\n2 sentences of keyed.txt remain'
check_equal "compressed" "$(gzip -c corpus.txt > corpus.gz && lm_text.py corpus.gz 2> log | cmp - corpus.txt && echo same)" same
check_fails "nothing left" 1 'no sentence is left' bash -c "sed 's/^/u /' corpus.txt > all; lm_text.py corpus.txt all"
check_fails "not UTF-8" 1 'latin1:2: not UTF-8 at byte 4' bash -c "printf 'a\ncaf\xe9\n' > latin1; lm_text.py latin1"
check_fails "no text" 2 'expected a text' lm_text.py

if [ ! -x /usr/lib/irstlm/bin/tlm ]; then
  skip "models" "no irstlm"
  check_fails "the package is named" 1 'Debian package irstlm' train-lm.sh corpus.txt lm.arpa
else
  check "a model" train-lm.sh --heldout dev corpus.txt lm.arpa
  cp "$tmp/.check.err" log
  check "what is measured is left out, and counted" grep -Eq 'lm_text.py: [4-9][0-9] sentences of dev are left out' log
  check "its order and smoothing" grep -Eq 'lm.arpa: order 3, improved Kneser-Ney; 29[0-9][0-9] sentences, [0-9]+ words$' log
  check_equal "perplexity and unknown words" "$(grep -Eo 'dev: Sentences: 80; .*OOV rate: [0-9.]+ %;.*Perplexity without OOVs: ' log | grep -c .)" 1
  compute-perplexity lm.arpa ark:dev > measured 2> /dev/null
  check "as compute-perplexity tells it" grep -qF "$(paste -sd ';' measured | sed 's/;/; /g')" log
  # Far below the 60 words that there are: the model has learned something.
  sed -n '41,$p' dev > unseen
  check_equal "it knows the language" "$(compute-perplexity lm.arpa ark:unseen 2> /dev/null | awk '/^Perplexity without/ { print ($NF < 30) }')" 1
  check "compressed" train-lm.sh --order 2 corpus.txt lm2.arpa.gz dev
  check_equal "two orders" "$(gunzip -c lm2.arpa.gz | grep -c '^ngram')" 2
  head -n 4 corpus.txt > few.txt
  printf '%s\n' 'kan kan' 'kan kan' > same.txt
  check "too few counts for Kneser-Ney" train-lm.sh same.txt same.arpa
  cp "$tmp/.check.err" log
  check "which is told with its reason" grep -q 'Witten-Bell, since improved Kneser-Ney is not possible here (.*counts' log
  check_fails "unless it is wanted" 1 'improved Kneser-Ney is not possible here: .*counts' train-lm.sh --smoothing ikn same.txt never.arpa
  check "nothing under the final name" test ! -e never.arpa
  check "Witten-Bell" train-lm.sh --smoothing wb corpus.txt wb.arpa
  check "another model" bash -c '! cmp -s wb.arpa lm.arpa'
  make_units.py <(sed 's/^/u /' few.txt) > units.txt
  check "over units" train-lm.sh --order 4 --units units.txt corpus.txt units.arpa
  cp "$tmp/.check.err" log
  check "sentences without units are counted" grep -Eq '[1-9][0-9]* sentences with letters that have no unit' log
  check_equal "its words are the units" "$(sed -n '/^.1-grams/,/^$/p' units.arpa | cut -sf 2 | grep -v '^<' | sort | xargs)" \
    "$(awk 'NR > 3 { print $1 }' units.txt | sort | xargs)"
  # The step of recipes: further text is cleaned as the transcripts were, and that is told.
  mkdir -p recipe/{data/{train,dev},more}
  (
    cd recipe || exit
    echo "export U2MOE_ROOT=$(printf %q "$root")" > path.sh
    sed -n '41,80p' ../dev > data/dev/text
    sed -n '1,40s/^/t /p' ../corpus.txt > data/train/text
    sed -n '100,$s/.*/\U&!/p' ../corpus.txt > more/all.txt
    printf '\n- - -\nKAN, kan - KAN drei\n' >> more/all.txt
    echo 'drei three' > map
    language_models.sh --text more --normalize lowercase,no-punctuation,map --normalize-map map data lm > perplexity 2> log || cat log
  )
  check "further text is cleaned" grep -qx 'kan kan kan three' recipe/lm/all.txt
  check_equal "nothing of it is left as it was" "$(grep -c '[A-Z!,-]' recipe/lm/all.txt)" 0
  check "which is told with its hash" grep -Eq 'all: 40 sentences of the training set, [0-9]+ others \(normalised by: lowercase,no-punctuation,map \([0-9a-f]{8}\)\);' recipe/perplexity
  check_fails "no such smoothing" 2 "not 'kn'" train-lm.sh --smoothing kn corpus.txt lm.arpa
  check_fails "no order" 2 "not '0'" train-lm.sh --order 0 corpus.txt lm.arpa
  check_fails "no text" 1 'absent.txt is missing' train-lm.sh absent.txt lm.arpa
  check_fails "no excluded text" 1 'absent is missing' train-lm.sh corpus.txt lm.arpa absent
  check_fails "no folder" 1 'the folder nowhere does not exist' train-lm.sh corpus.txt nowhere/lm.arpa
fi
check_fails "too few arguments" 2 'a text and the name' train-lm.sh corpus.txt
check "help" train-lm.sh --help
