#!/usr/bin/env bash
# Hot words and language models in ctc-decode, by hand; where they do not fit; live, with threads.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

printf '%s\n' '<blank> 0' '▁ 1' 'A 2' 'B 3' 'C 4' > units.txt
# One frame: A .4, B .3, C .2, blank .09, space .01.
echo 'u [ -2.40795 -4.60517 -0.91629 -1.20397 -1.60944 ]' > logp
decode() { ctc-decode --beam=5 --units=units.txt "$@" ark:logp ark,t:- 2> log | sed 's/ *$//'; }
check_equal "without" "$(ctc-decode ark:logp ark,t:- 2> log | sed 's/ *$//')" "u 2"
printf 'C\n' > hot
check_equal "a hot word" "$(decode --hot-words=hot)" "u 4"
check_equal "a low score" "$(decode --hot-words=hot --hot-words-score=0.5)" "u 2"
printf 'C\t0.5\nB\n' > hot
check_equal "scores of its own" "$(decode --hot-words=hot)" "u 3"
check_equal "greedy search too" "$(decode --hot-words=hot --method=greedy)" "u 3"
check "and that is told" grep -q 'method greedy as prefix-beam, beam 5, hot words hot (score 3, order admit)' log
check_equal "WeNet's order" "$(decode --hot-words=hot --hot-words-order=wenet)" "u 3"
printf 'B C\n' > hot
check_equal "a phrase that is not there is paid for nothing" "$(decode --hot-words=hot --hot-words-score=9)" "u 2"
printf 'Z\nB\nQ ÜX\n\n' > hot
check_equal "phrases without units" "$(decode --hot-words=hot)" "u 3"
check "are named" grep -q "WARNING.*hot:1: hot phrase 'Z' is left out: 'Z' of the word 'Z'" log
check "with the unit" grep -q "WARNING.*hot:3: hot phrase 'Q ÜX' is left out: 'Q' of the word 'Q'" log
check "and counted" grep -q 'hot: 1 hot phrases, 2 left out' log
check_fails "none that can be used" 1 'no phrase that can be used' bash -c 'echo Z > z; ctc-decode --units=units.txt --hot-words=z ark:logp ark:o'
check_fails "no units" 2 'hot-words: say what the tokens stand for with --units=' ctc-decode --hot-words=hot ark:logp ark:o
check_fails "other units" 1 'utterance u: .*5 units, but the unit table has 3' \
  bash -c 'printf "%s\n" "<blank> 0" "A 1" "B 2" > u3; ctc-decode --units=u3 --hot-words=hot ark:logp ark:o'
check_fails "unknown order" 2 'known are admit, wenet' ctc-decode --units=units.txt --hot-words-order=x ark:logp ark:o
check_fails "no file" 1 absent ctc-decode --units=units.txt --hot-words=absent ark:logp ark:o

cat > lm.arpa << 'ARPA'
\data\
ngram 1=5

\1-grams:
-99 <s>
-1 </s>
-2 A
-0.1 B
-1 <unk>

\end\
ARPA
check_equal "a language model" "$(decode --lm=lm.arpa --lm-weight=1)" "u 3"
check_equal "with a low weight" "$(decode --lm=lm.arpa --lm-weight=0.01)" "u 2"
ctc-decode --units=units.txt --lm=lm.arpa --lm-weight=1 ark:logp ark:o ark,t:scores 2> log
# ln .3 + ln 10 (-0.1 - 1)
check_equal "its score" "$(awk '{ printf "%.4f\n", $3 }' scores)" -3.7368
check_equal "unknown words" "$(decode --nbest=5 --lm=lm.arpa --lm-weight=0.5 --oov-penalty=0 | awk '$2 == 4 { print $1 }')" u-3
check_equal "a penalty for them" "$(decode --nbest=5 --lm=lm.arpa --lm-weight=0.5 --oov-penalty=50 | awk '$2 == 4 { print $1 }')" u-5
check_equal "a bonus for words" "$(decode --lm=lm.arpa --lm-weight=1.5; decode --lm=lm.arpa --lm-weight=1.5 --length-bonus=-9)" $'u 3\nu'
sed 's/ B$/ ▁/; s/ <unk>$/ C/' lm.arpa > units.arpa
check_equal "over units" "$(decode --lm=units.arpa --lm-units=units --oov-penalty=0 --lm-weight=2)" "u 3"
check "units that it does not know" grep -q 'units.arpa: 1 units are unknown to it, the first is .B' log
check_fails "a bad model" 1 'bad.arpa:11: section' bash -c 'sed "s/=5/=6/" lm.arpa > bad.arpa; ctc-decode --units=units.txt --lm=bad.arpa ark:logp ark:o'
check_fails "a bad weight" 2 'lm-weight=-1' ctc-decode --units=units.txt --lm=lm.arpa --lm-weight=-1 ark:logp ark:o

golden_logp=$(golden_path ctc_search/logprobs.ark)
if [ -z "$golden_logp" ]; then
  skip "threads and pieces" "no ctc_search/logprobs.ark"
else
  # The units of the golden set are numbers: letters for them, where they are nine.
  copy-matrix "ark:$golden_logp" ark,t:- 2> log | awk '/\[/ { key = $1; rows = ""; cols = 0; next }
    { if (!cols) cols = NF - ($NF == "]"); rows = rows "\n" $0 } /\]/ && cols == 9 { print key "  [" rows }' > logp9
  printf '%s\n' '<blank>' {A..G} ▁ | awk '{ print $1, NR - 1 }' > units9
  printf '%s\n' 'AB' 'G	5' 'XYZ' 'B A	0.5' > hot
  check_equal "utterances" "$(grep -c '\[' logp9)" 3
  for threads in 1 3; do
    ctc-decode --threads=$threads --nbest=4 --units=units9 --hot-words=hot --lm=lm.arpa ark:logp9 ark:n$threads ark:s$threads 2> log
  done
  check "threads give the same bytes" cmp <(cat n1 s1) <(cat n3 s3)
fi
check_equal "the help tells of them" "$(ctc-decode --help | grep -Ec -- '--(hot-words|lm)(-score|-units)? ')" 5

pieces=${shared:+$shared/data/wenet-bpe}
if [ -z "$pieces" ] || [ ! -e "$pieces/unigram5000.bpemodel" ]; then
  skip "word pieces" "no ../shared/data/wenet-bpe"
else
  printf 'HELLO WORLD\nNEW YORK\t4\n' > hot
  awk 'BEGIN { printf "u ["; for (i = 0; i < 5002; i++) printf " -8.5"; print " ]" }' > flat
  # All pieces are equally probable: the first one of the phrase with the higher score.
  want=$(echo 'u NEW' | text-to-tokens --bpe-model="$pieces/unigram5000.bpemodel" "$pieces/words.txt" ark:- ark,t:- 2> log | sed 's/ *$//')
  check_equal "word pieces" "$(ctc-decode --units="$pieces/words.txt" --bpe-model="$pieces/unigram5000.bpemodel" --hot-words=hot \
    ark:flat ark,t:- 2> log | sed 's/ *$//')" "$want"
fi
