#!/usr/bin/env bash
# arpa-to-fst, make-lexicon-fst, make-ctc-topology, compile-graph and ctc-decode --method=wfst: from an ARPA file to words.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v compile-graph >/dev/null; then
  skip decoding-graph "built without OpenFst"
  exit 0
fi
cd "$tmp" || exit 1

printf '%s\n' '<blank> 0' 'a 1' 'b 2' '▁ 3' >units.txt
cat >lm.arpa <<'ARPA'
\data\
ngram 1=6
ngram 2=3

\1-grams:
-99 <s> -0.3
-0.7 </s>
-0.5 ab -0.2
-0.9 a -0.1
-1.5 ba
-1 <unk>

\2-grams:
-0.2 <s> ab
-0.4 ab a
-0.6 a <unk>

\end\
ARPA
check "G, writing words" arpa-to-fst --write-symbol-table=words.txt lm.arpa G.fst
check_equal "words.txt" "$(tr '\n' ' ' <words.txt)" '<eps> 0 ab 1 a 2 ba 3 #0 4 <s> 5 </s> 6 '
check_fails "n-grams of <unk> are counted" 0 'left out 2 n-grams' arpa-to-fst --write-symbol-table=/dev/null lm.arpa /dev/null
check "L, spelled" make-lexicon-fst --read-symbol-table=words.txt units.txt L.fst
for topology in correct compact minimal eesen; do
  check "TLG, $topology" compile-graph --topology=$topology --words=words.txt units.txt L.fst G.fst $topology.fst
  check "T, $topology" make-ctc-topology --topology=$topology --num-disambig=2 units.txt T.$topology.fst
done
check "const" compile-graph --fst-type=const units.txt L.fst G.fst const.fst
if command -v fstinfo >/dev/null; then
  check_equal "OpenFst reads it" "$(fstinfo const.fst | awk '/^fst type|^arc type/ { printf "%s ", $3 }')" 'const standard '
  # Kaldi's and WeNet's way, with T written down.
  fstcompose_all() {
    fstarcsort --sort_type=ilabel G.fst G1.fst && fstcompose L.fst G1.fst LG.fst &&
      fstdeterminize LG.fst | fstarcsort --sort_type=ilabel >LG1.fst && fstcompose T.correct.fst LG1.fst want.fst
  }
  check "composed by OpenFst's tools" fstcompose_all
else
  skip "OpenFst's tools" "no fstinfo"
fi

# "ab a": a b ▁ a, where frame 2 alone would rather have a.
cat >logp.txt <<'END'
u1  [
  -3 -0.2 -3 -3
  -3 -0.8 -0.9 -3
  -3 -3 -3 -0.2
  -3 -0.2 -3 -3 ]
u2  [ ]
END
decode() { # GRAPH options...
  local graph=$1
  shift
  ctc-decode --method=wfst --graph="$graph" --words=words.txt --text=ark,t:text "$@" ark:logp.txt ark,t:tokens 2>log || cat log
}
for topology in correct compact minimal eesen const; do
  decode $topology.fst
  check_equal "words, $topology" "$(sed 's/ *$//' text)" $'u1 ab a\nu2'
  check_equal "tokens, $topology" "$(sed 's/ *$//' tokens)" $'u1 1 2 3 1\nu2'
done
for threads in 1 2; do
  decode correct.fst --threads=$threads --nbest=4 --lattice=ark:lat$threads --times=ark:times$threads
  cat text tokens lat$threads times$threads >all$threads
done
check "threads give the same bytes" cmp all1 all2
check_equal "n-best keys" "$(grep -c '^u1-' text)" 4
decode correct.fst --lattice=ark,t:lat
check_equal "lattices" "$(grep -c '^u' lat)" 2

lexicon=$'ab a b\nab b\nba b a\na a'
echo "$lexicon" >lexicon.txt
check "a lexicon" make-lexicon-fst --lexicon=lexicon.txt --write-symbol-table=words2.txt units.txt L2.fst
check_equal "its words" "$(tr '\n' ' ' <words2.txt)" '<eps> 0 ab 1 ba 2 a 3 #0 4 <s> 5 </s> 6 '
check "G, reading words" arpa-to-fst --read-symbol-table=words2.txt lm.arpa G2.fst
check "TLG of the two" compile-graph units.txt L2.fst G2.fst TLG2.fst
check "silence" make-lexicon-fst --lexicon=lexicon.txt --silence-unit=▁ --read-symbol-table=words2.txt units.txt L3.fst
check "TLG with silence" compile-graph units.txt L3.fst G2.fst TLG3.fst

# Units may be anything, such as phones, where nothing is spelled with them.
printf '%s\n' '<blank> 0' 'AH0 1' 'B 2' 'SIL 3' >phones.txt
printf 'ab AH0 B\nba B AH0\na AH0\n' >phones.lexicon
check "T of phones" make-ctc-topology phones.txt T4.fst
check "L of phones" make-lexicon-fst --lexicon=phones.lexicon --silence-unit=SIL --read-symbol-table=words2.txt phones.txt L4.fst
check "TLG of phones" compile-graph phones.txt L4.fst G2.fst TLG4.fst
# A model file stands for its units.
printf '%s\n' feature-dim=20 model-dim=8 num-blocks=1 num-heads=2 hidden-dim=8 >dense.conf
check "a model of phones" nnet-init --units=phones.txt dense.conf phones.safetensors
check "L of it" make-lexicon-fst --lexicon=phones.lexicon --silence-unit=SIL --read-symbol-table=words2.txt phones.safetensors L5.fst
check "TLG of it" compile-graph phones.safetensors L5.fst G2.fst TLG5.fst
check "T of it" make-ctc-topology phones.safetensors T5.fst
check_equal "are the same bytes" "$(cat L5.fst TLG5.fst T5.fst | cksum)" "$(cat L4.fst TLG4.fst T4.fst | cksum)"

# LG alone, and T composed while searching.
check "LG" compile-graph --topology=none --words=words.txt units.txt L.fst G.fst LG.fst
for topology in correct compact minimal eesen; do
  decode $topology.fst --nbest=3 --lattice=ark:want.lat && mv text text.want && mv tokens tokens.want
  decode LG.fst --topology=$topology --nbest=3 --lattice=ark:got.lat --threads=2
  check_equal "T o LG while searching, $topology" "$(cat text tokens)" "$(cat text.want tokens.want)"
  if command -v lattice-to-nbest >/dev/null; then
    for lat in want got; do lattice-to-nbest --n=20 --words=ark,t:$lat.words ark:$lat.lat 2>/dev/null; done
    check_equal "and its lattices, $topology" "$(cat got.words)" "$(cat want.words)"
  fi
done
check_fails "a graph that has a topology" 2 'topology=compact: the graph correct.fst has the blank' \
  ctc-decode --method=wfst --graph=correct.fst --topology=compact ark:logp.txt ark:never.ark
check_fails "a graph that has none" 0 'LG.fst has no arc with the blank.*--topology=NAME' \
  ctc-decode --max-failures=2 --method=wfst --graph=LG.fst ark:logp.txt ark:x.ark
check_fails "no such topology" 2 'topology=hmm: unknown; known topologies are correct' \
  ctc-decode --method=wfst --graph=LG.fst --topology=hmm ark:logp.txt ark:never.ark

# Hot words: "ba" instead of "ab", by the units of the graph.
printf 'u1 [\n -2 -1 -0.6 -3\n -2 -0.6 -1 -3 ]\n' >logp.txt
decode correct.fst
check_equal "without hot words" "$(sed 's/ *$//' text)" 'u1 ab'
printf 'ba\t4\nbb\n' >hot.txt
decode correct.fst --hot-words=hot.txt --units=units.txt
check_equal "with hot words" "$(sed 's/ *$//' text)" 'u1 ba'
check_equal "a phrase that the graph cannot say" \
  "$(grep -c "WARNING.*hot.txt: no words of the graph correct.fst are made of the units 'b b'" log)" 1

# Bad input.
bad_lexicon() { # NAME REGEX LINE
  echo "$3" >bad.txt
  check_fails "$1" 1 "$2" make-lexicon-fst --lexicon=bad.txt --write-symbol-table=never.txt units.txt never.fst
}
bad_lexicon "an unknown unit" "bad.txt:1: word 'ab': the unit 'x' is not in the unit table" 'ab a x'
bad_lexicon "a word without pronunciation" "bad.txt:1: word 'ab': has no pronunciation" ab
check "nothing is left of them" test ! -e never.fst -a ! -e never.txt
printf '%s\n' '<eps> 0' 'ab 1' 'cab 2' >words3.txt
check_fails "a word that the units cannot spell" 1 "'c'" make-lexicon-fst --read-symbol-table=words3.txt units.txt never.fst
check "... left out" make-lexicon-fst --skip-unknown --read-symbol-table=words3.txt units.txt L4.fst
check_fails "a word without pronunciation" 1 "2 words of the language model have no pronunciation: 'a' \(2\), 'ba' \(3\).*--skip-missing" \
  bash -c 'make-lexicon-fst --lexicon=<(echo "ab a b") --read-symbol-table=words.txt units.txt L5.fst &&
           compile-graph --words=words.txt units.txt L5.fst G.fst never.fst'
check_fails "... left out" 0 'left out 2 words' compile-graph --skip-missing units.txt L5.fst G.fst x.fst
check_fails "too many states" 1 'has more than --max-states=4 states; prune' compile-graph --max-states=4 units.txt L.fst G.fst never.fst
sed 's/ngram 2=3/ngram 2=4/' lm.arpa >bad.arpa
check_fails "an ARPA with a wrong count" 1 'bad.arpa:.*2-grams' arpa-to-fst --write-symbol-table=never.txt bad.arpa never.fst
head -c 100 correct.fst >cut.fst
check_fails "a graph that is cut off" 1 'cut.fst: ' ctc-decode --method=wfst --graph=cut.fst ark:logp.txt ark:never.ark
check_fails "no graph" 1 'units.txt: not a binary FST' ctc-decode --method=wfst --graph=units.txt ark:logp.txt ark:never.ark
if command -v fstcompile >/dev/null; then
  echo 0 | fstcompile --arc_type=log >log.fst
  check_fails "another type of arcs" 1 "log.fst: arcs of type 'log', not 'standard': .*fstmap" compile-graph units.txt L.fst log.fst never.fst
fi
echo 'u [ -1 -1 ]' >narrow.txt
check_fails "log-posteriors of another model" 1 'utterance u: .*has input label 4.*have 2 columns' \
  ctc-decode --method=wfst --graph=correct.fst ark:narrow.txt ark:/dev/null
check_fails "words that are not the graph's" 1 "the graph's word 1 is not in few.txt" \
  bash -c 'echo "<eps> 0" >few.txt; ctc-decode --method=wfst --graph=correct.fst --words=few.txt --text=ark:/dev/null ark:logp.txt ark:/dev/null'
check "nothing half-written" test ! -e never.fst -a ! -e never.ark -a ! -e never.txt
check_fails "wfst without a graph" 2 'needs --graph=FILE' ctc-decode --method=wfst ark:logp.txt ark:-
check_fails "words of another method" 2 'prefix-beam has no graph with words' ctc-decode --text=ark:x ark:logp.txt ark:-
check_fails "text without words" 2 'needs --words=FILE' ctc-decode --method=wfst --graph=correct.fst --text=ark:x ark:logp.txt ark:-
check_fails "unknown topology" 2 'known topologies are correct, compact' compile-graph --topology=hmm units.txt L.fst G.fst x
check_fails "unknown FST type" 2 'known types are vector, const' make-ctc-topology --fst-type=compact units.txt x
check_fails "two symbol tables" 2 'either --read-symbol-table or' arpa-to-fst --write-symbol-table=w --read-symbol-table=words.txt lm.arpa x
check_fails "no symbol table" 2 'give --read-symbol-table, or' make-lexicon-fst units.txt x
check_fails "#0 that is not there" 2 '--disambig-symbol=#0: not in words3.txt' arpa-to-fst --read-symbol-table=words3.txt lm.arpa x
for tool in arpa-to-fst make-lexicon-fst make-ctc-topology compile-graph; do check "$tool --help" $tool --help; done
