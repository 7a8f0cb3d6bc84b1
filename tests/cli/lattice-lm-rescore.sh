#!/usr/bin/env bash
# lattice-lm-rescore: scores worked out by hand, the model of a graph taken away from lattices searched over that graph,
# bad models, wrong usage.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

printf '%s\n' '<eps> 0' 'a 1' 'b 2' 'c 3' '#0 4' >words.txt
# Costs are natural logarithms, ARPA's are to the base 10: -0.1 is 0.230259, -0.2 0.460517, -0.3 0.690776, -0.4 0.921034.
cat >small.arpa <<'END'
\data\
ngram 1=5
ngram 2=2

\1-grams:
-99 <s> -0.1
-0.4 </s>
-0.1 a -0.2
-0.2 b
-0.3 c

\2-grams:
-0.1 <s> a
-0.4 a b

\end\
END
cat >big.arpa <<'END'
\data\
ngram 1=4

\1-grams:
-99 <s>
-0.3 </s>
-0.2 a
-0.1 b

\end\
END
# a b, and c.
printf 'u \n0\t1\t1\t1,0,5\n1\t2\t2\t1,0,6\n0\t2\t3\t1,0,7\n2\n\n' >lat.txt
graph_scores() { # of the two paths
  lattice-to-nbest --n=2 --words=ark,t:w --lm-scores=ark,t:s "$1" 2>/dev/null
  paste -d ' ' <(cut -d ' ' -f 2- w | tr -d ' ') <(tr -d '[]' <s | awk '{ printf "%.3f\n", $2 }') | sort
}
check "a model is added" lattice-lm-rescore --word-symbol-table=words.txt ark:lat.txt small.arpa ark:small.lat
# a b: 2 + .1 + .4 + .4 (back-off of b is 0); c: 1 + .1 + .3 + .4, the tens' logarithms times 2.302585.
check_equal "its scores with exact back-off" "$(graph_scores ark:small.lat)" $'12 -4.072\n3 -2.842'
check "half of it" lattice-lm-rescore --lm-scale=0.5 --word-symbol-table=words.txt ark:lat.txt small.arpa ark:half.lat
check_equal "half of its scores" "$(graph_scores ark:half.lat)" $'12 -3.036\n3 -1.921'
check "another in its place" lattice-lm-rescore --oov-cost=5 --remove=small.arpa --word-symbol-table=words.txt ark:lat.txt \
  big.arpa ark:other.lat
# As the graph has it, b after a is better by back-off: .2 + .2 against .4, equal here. c is unknown to the large one.
check_equal "its scores" "$(graph_scores ark:other.lat)" $'12 -1.309\n3 -4.849'

check_fails "no words" 2 'word-symbol-table is needed' lattice-lm-rescore ark:lat.txt big.arpa ark:out
check_fails "not the model of the graph" 1 'utterance u: .*is to be taken away' \
  lattice-lm-rescore --remove=big.arpa --word-symbol-table=words.txt ark:lat.txt small.arpa ark:out
check_fails "too large" 1 'utterance u: .*more than 2 arcs' lattice-lm-rescore --max-arcs=2 --word-symbol-table=words.txt \
  ark:lat.txt big.arpa ark:out
sed -i '/^c /d' words.txt
check_fails "a word without an id" 1 'utterance u: .*the word id 3 of the lattice is not in the word table' \
  lattice-lm-rescore --word-symbol-table=words.txt ark:lat.txt small.arpa ark:out
check_fails "a bad model" 1 'lat.txt:.*data' lattice-lm-rescore --word-symbol-table=words.txt ark:lat.txt lat.txt ark:out

# Lattices of a search: the model of the graph goes, another comes, and what is left of the graph is its cost.
printf '%s\n' '<blank> 0' 'a 1' 'b 2' '▁ 3' >units.txt
cat >logp.txt <<'END'
u1  [
  -1.2 -0.9 -1.6 -2.5
  -1.0 -1.9 -1.3 -1.5
  -1.4 -1.6 -1.1 -1.5
  -1.4 -1.2 -1.5 -1.45
  -1.1 -1.4 -1.3 -1.9 ]
END
sed -i '/^c /d; /^-0.3 c/d; s/1=5/1=4/' small.arpa
sed -i 's/^-0.1 b/-0.1 b -0.3/; s/1=4/1=4\nngram 2=1/; s/^\\end/\\2-grams:\n-0.15 b a\n\n\\end/' big.arpa
small_graph() {
  arpa-to-fst --write-symbol-table=words.txt small.arpa G.fst && make-lexicon-fst --read-symbol-table=words.txt units.txt L.fst &&
    compile-graph --words=words.txt units.txt L.fst G.fst TLG.fst
}
check "a graph of the small model" small_graph
check "lattices" ctc-decode --method=wfst --graph=TLG.fst --lattice-beam=8 --lattice=ark:lat.ark ark:logp.txt ark:/dev/null
for old in small.arpa G.fst; do
  check "rescored, without $old" lattice-lm-rescore --remove=$old --word-symbol-table=words.txt ark:lat.ark big.arpa ark:new.lat
  lattice-to-nbest --n=1000 --words=ark,t:w --lm-scores=ark,t:s ark:new.lat 2>/dev/null
  check_equal "the graph costs are those of the large model" "$(paste -d ' ' <(cut -d ' ' -f 2- w) <(tr -d '[]' <s | cut -d ' ' -f 2-) |
    awk 'NF < 2 { next }
      { logp = 0; for (i = 1; i < NF; ++i) { l = $i == 1 ? -0.2 : -0.1; if (before == 2) l = $i == 1 ? -0.15 : l - 0.3; logp += l; before = $i }
        if (before == 2) logp -= 0.3
        before = 0; logp -= 0.3; d = logp * log(10) - $NF; if (d < -1e-3 || d > 1e-3) print "path", NR, $0, logp * log(10)
        ++n } END { print (n > 3 ? "many" : n) " paths" }')" "many paths"
done
