#!/usr/bin/env bash
# lattice-to-ctm-conf: confidences that can be worked out by hand, times that are ctc-align's, maps, bad lattices.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v lattice-to-ctm-conf >/dev/null; then
  skip lattice-to-ctm-conf "built without OpenFst"
  exit 0
fi
cd "$tmp" || exit 1
conf() { lattice-to-ctm-conf --print-args=false "$@"; }

printf '%s\n' '<blank> 0' 'a 1' 'b 2' '▁ 3' >units.txt
printf '%s\n' '<eps> 0' 'ab 1' 'a 2' >words.txt
# "ab a" costs 0.5 + 1, "a a" 1 + 1. Labels are tokens and one: a b ▁ a, then a blank. u2 has no words.
tr ' ' '\t' >lat.txt <<'END'
u1
0 1 1 0.5,1,2_3
0 1 2 1,1,2_1
1 2 2 0,0,4_2
2 0,0,1

u2
0 2,3,1_1

END
sed -i 's/^u\([12]\).*/u\1 /' lat.txt
plain=(--frame-center=0.04 --begin-share=0 --end-share=0)
with=(--word-symbol-table=words.txt)
check "words" conf "${plain[@]}" "${with[@]}" units.txt ark:lat.txt ctm
check_equal "1 / (1 + exp(-0.5)), and all paths" "$(cat ctm)" $'u1 1 0.020 0.080 ab 0.6225\nu1 1 0.140 0.040 a 1.0000'
check_equal "ids without a table" "$(conf "${plain[@]}" units.txt ark:lat.txt - 2>/dev/null | cut -d ' ' -f 5 | xargs)" '1 2'
first() { conf "$@" "${with[@]}" units.txt ark:lat.txt - 2>/dev/null | sed -n '1s/.* //p'; }
check_equal "a larger scale of the graph" "$(first --lm-scale=2 --confidence-digits=2)" 0.73
check_equal "of the acoustics, the same there" "$(first --acoustic-scale=3)" 0.6225
check_equal "by its inverse" "$(first --inv-acoustic-scale=0.1)" 0.6225
check_fails "both" 2 'give --acoustic-scale or --inv-acoustic-scale' conf --acoustic-scale=2 --inv-acoustic-scale=2 units.txt ark:lat.txt -
check_fails "no scale" 2 'inv-acoustic-scale=0' conf --inv-acoustic-scale=0 units.txt ark:lat.txt -
# The map doubles log-odds of 0.5.
printf '%s\n' confidence-slope=2 >map.conf
check_equal "mapped" "$(first --confidence-map=map.conf)" 0.7311
echo 'u1 rec 10 10.15' >segments
check_fails "segments" 1 'utterance u2: .*not in the segments of segments' conf "${plain[@]}" "${with[@]}" --segments=segments units.txt ark:lat.txt placed
check_equal "times of recordings, to their end" "$(cat placed)" $'rec 1 10.020 0.080 ab 0.6225\nrec 1 10.140 0.010 a 1.0000'
check "JSON" conf --format=json "${with[@]}" units.txt ark:lat.txt out.json
check_equal "has both utterances" "$(grep -c '"utterance"' out.json)" 2

# Out of a search: times are those that ctc-align gives the same tokens.
cat >lm.arpa <<'ARPA'
\data\
ngram 1=5

\1-grams:
-99 <s>
-0.7 </s>
-0.5 ab
-0.9 a
-1.5 ba

\end\
ARPA
arpa-to-fst --write-symbol-table=words.txt lm.arpa G.fst 2>/dev/null
make-lexicon-fst --read-symbol-table=words.txt units.txt L.fst 2>/dev/null
awk 'BEGIN {
  srand(5)
  for (u = 1; u <= 8; ++u) {
    print "u" u "  ["
    for (t = 0; t < 25; ++t) {
      said = 1 + int(3 * rand())
      sum = 0
      for (k = 0; k < 4; ++k) { p[k] = exp(2 * rand() + (k == said && t % 2 == 0 || k == 0 && t % 2 ? 2 : 0)); sum += p[k] }
      for (k = 0; k < 4; ++k) printf " %.5f", log(p[k] / sum)
      print t < 24 ? "" : " ]"
    }
  }
}' >logp.txt
for topology in correct minimal; do
  compile-graph --topology=$topology --words=words.txt units.txt L.fst G.fst TLG.fst 2>/dev/null
  check "a search, $topology" ctc-decode --method=wfst --graph=TLG.fst --acoustic-scale=0.7 --lattice=ark:lat.ark ark:logp.txt ark:tokens
  check "its words" conf --acoustic-scale=0.7 "${with[@]}" units.txt ark:lat.ark ctm
  check "sure ones and others" awk '$6 < 0 || $6 > 1 { bad = 1 } $6 < 0.9 { ++low } END { exit bad || NR < 20 || !low }' ctm
  if [ $topology = correct ]; then
    check "aligned" ctc-align --tokens units.txt ark:logp.txt ark:tokens aligned
    check "the same words at the same times" cmp <(cut -d ' ' -f 1-5 ctm) <(cut -d ' ' -f 1-5 aligned)
  fi
done
lattice-prune --beam=0.0001 ark:lat.ark ark:one.ark 2>/dev/null
conf "${with[@]}" units.txt ark:one.ark one.ctm 2>/dev/null
check_equal "sure of the only path" "$(cut -d ' ' -f 6 one.ctm | sort -u)" 1.0000

# Bad lattices: named, and the others go on.
bad() { # <name> <regex>, the first lattice on stdin
  (printf 'bad \n'; tr ' ' '\t'; printf '\n'; cat lat.txt) >bad.txt
  check_fails "$1" 1 "utterance bad: .*$2" conf "${plain[@]}" "${with[@]}" units.txt ark:bad.txt out
  check_equal "$1: the others are there" "$(cut -d ' ' -f 5 out | xargs)" "ab a"
}
printf '%s\n' '<eps> 0' 'ab 1' 'a 2' >words.txt
bad "words that are not spelled so" 'the best path spell 1 words, and it has 2; were the words' <<<$'0 1 1 0,0,2_3\n1 2 2 0,0,2\n2'
bad "a label of another model" 'token 8 is outside the 4 units' <<<$'0 1 1 0,0,9\n1'
bad "a label that is none" 'token -1' <<<$'0 1 1 0,0,0_2\n1'
bad "a word that is not in the table" 'the word id 7 is not in words.txt' <<<$'0 1 7 0,0,2\n1'
bad "no path" 'the lattice has no path' <<<''
check_fails "no lattices" 1 'map.conf' conf units.txt ark:map.conf -
check_fails "Kaldi's two arguments" 2 'Usage: lattice-to-ctm-conf' conf ark:lat.txt ctm2
check "help" lattice-to-ctm-conf --help
