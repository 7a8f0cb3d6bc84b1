#!/usr/bin/env bash
# lattice-copy, -scale, -add-penalty, -prune, -determinize-pruned, -best-path, -to-nbest, -oracle: their results on
# lattices that can be worked out by hand, bad ones, wrong usage.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

tabs() { tr ' ' '\t' | sed 's/^\([^0-9]*\)\t$/\1 /'; }
# A C costs 1.625 + 2, B C 1.375 + 3. u2 has one path and no words.
tabs >lat.txt <<'END'
u1 
0 1 1 0.5,1,2_3
0 1 2 0.25,2,2_4
1 2 3 1,1,1_5
2 0.125,0,1

u2 
0 2,3,1_1

END
sed -i 's/^u\([12]\).*/u\1 /' lat.txt

check "to binary" lattice-copy ark:lat.txt ark,scp:lat.ark,lat.scp
check_equal "and back to the same text" "$(lattice-copy scp:lat.scp ark,t:- 2>/dev/null)" "$(cat lat.txt)"
check "binary to binary" lattice-copy ark:lat.ark ark:again.ark
check "gives the same bytes" cmp lat.ark again.ark
check "no compact lattices" lattice-copy --write-compact=false ark:lat.ark ark,t:raw.txt
check_equal "an arc for each label" "$(sed -n 2,3p raw.txt)" $'0\t1\t2\t1\t0.5,1\n0\t2\t2\t2\t0.25,2'
check "they are read as compact ones" lattice-copy ark:raw.txt ark,t:compact.txt
check_equal "with strings" "$(sed -n 2,5p compact.txt | cut -f 3-)" $'1\t0.5,1,2_3\n2\t0.25,2,2_4\n3\t1.125,1,1_5_1\n2'

check "best paths" lattice-best-path ark:lat.ark ark,t:words.int ark,t:ali.int
check_equal "words" "$(cat words.int)" $'u1 1 3 \nu2 '
check_equal "alignments" "$(cat ali.int)" $'u1 2 3 1 5 1 \nu2 1 1 '
check_equal "a larger scale of the graph" "$(lattice-best-path --lm-scale=10 ark:lat.ark ark,t:- 2>/dev/null | head -n 1)" 'u1 2 3 '
printf '%s\n' '<eps> 0' 'one 1' 'zwei 2' 'trois 3' >words.txt
check_equal "text" "$(lattice-best-path --word-symbol-table=words.txt --text=ark,t:- ark:lat.ark 2>/dev/null)" $'u1 one trois \nu2 '
sed -i '/trois/d' words.txt
check_fails "a word without an id" 1 'utterance u1: .*the word id 3 is not in words.txt' \
  lattice-best-path --word-symbol-table=words.txt --text=ark,t:/dev/null ark:lat.ark
check_fails "text without words" 2 'text needs --word-symbol-table' lattice-best-path --text=ark,t:- ark:lat.ark

check "n-best" lattice-to-nbest --n=5 --tokens=ark,t:tokens --words=ark,t:words --scores=ark,t:scores \
  --lm-scores=ark,t:lm ark:lat.ark ark,t:nbest.txt
check_equal "words of the n best" "$(cat words)" $'u1-1 1 3 \nu1-2 2 3 \nu2-1 '
check_equal "tokens" "$(cat tokens)" $'u1-1 1 2 4 \nu1-2 1 3 4 \nu2-1 '
check_equal "acoustic scores" "$(tr -d '[]' <scores | awk '{ print $1, $2 }')" $'u1-1 -2\nu1-2 -3\nu2-1 -3'
check_equal "graph scores" "$(tr -d '[]' <lm | awk '{ print $1, $2 }')" $'u1-1 -1.625\nu1-2 -1.375\nu2-1 -2'
check_equal "lattices of one path" "$(sed -n 1,5p nbest.txt)" $'u1-1 \n0\t1\t1\t1.625,2,2_3_1_5_1\n1\t2\t3\n2'
check_equal "the second for another scale" "$(lattice-to-nbest --lm-scale=10 --n=1 --words=ark,t:- ark:lat.ark 2>/dev/null | head -n 1)" 'u1-1 2 3 '
check_fails "no path asked for" 2 'n=0: must be 1 or more' lattice-to-nbest --n=0 ark:lat.ark

check "pruning" lattice-prune --beam=0.5 ark:lat.ark ark,t:pruned.txt
check_equal "one path is left" "$(sed -n 2,4p pruned.txt)" $'0\t1\t1\t0.5,1,2_3\n1\t2\t3\t1,1,1_5\n2\t0.125,0,1'
check "pruning with a wide beam" lattice-prune --beam=0.75 ark:lat.ark ark,t:pruned.txt
check "keeps all" cmp lat.txt pruned.txt
check_fails "a negative beam" 2 'beam=-1' lattice-prune --beam=-1 ark:lat.ark ark:pruned.ark

check "scaling" lattice-scale --lm-scale=2 --acoustic2lm-scale=1 --acoustic-scale=0.5 ark:lat.ark ark,t:scaled.txt
check_equal "scaled costs" "$(sed -n 2p scaled.txt)" $'0\t1\t1\t2,0.5,2_3'
check "a penalty" lattice-add-penalty --word-ins-penalty=0.5 ark:lat.ark ark,t:penalty.txt
check_equal "is added to each word" "$(sed -n 4,5p penalty.txt)" $'1\t2\t3\t1.5,1,1_5\n2\t0.125,0,1'

# The same words twice: the better alignment stays; and with --beam the better words.
tabs >twice.txt <<'END'
u1 
0 1 7 3 0.5,1
0 2 8 3 0.5,0.5
1 3 9 0 0,0
2 3 9 0 0,1
0 3 6 4 2,2
3

END
sed -i 's/^u1.*/u1 /' twice.txt
check "determinising" lattice-determinize-pruned ark:twice.txt ark,t:det.txt
check_equal "one path for each word" "$(cat det.txt)" $'u1 \n0\t2\t3\t0.5,0.5,\n0\t1\t4\t2,2,6\n1\n2\t0,0.5,7_9'
check "within a beam" lattice-determinize-pruned --beam=2 ark:twice.txt ark,t:det.txt
check_equal "the better word" "$(cat det.txt)" $'u1 \n0\t1\t3\t0.5,0.5,\n1\t0,0.5,7_9'
check "with scales" lattice-determinize-pruned --acoustic-scale=0.1 --beam=100 ark:twice.txt ark,t:det.txt
check_equal "costs stay" "$(cat det.txt)" $'u1 \n0\t2\t3\t0.5,0.5,\n0\t1\t4\t2,2,6\n1\n2\t0,0.5,7_9'

printf 'u1 2 4 3\nu2 1\n' >ref.int
check_equal "oracle" "$(lattice-oracle ark:lat.ark ark:ref.int ark,t:oracle.int ark,t:errors 2>/dev/null)" \
  'Overall %WER 50.00 [ 2 / 4, 0 insertions, 2 deletions, 0 sub ]'
check_equal "words of the oracle" "$(cat oracle.int)" $'u1 2 3 \nu2 '
check_equal "errors of the oracle" "$(cat errors)" $'u1 1 \nu2 1 '
printf 'u1 one four trois\nu2\n' >ref.txt
echo 'trois 3' >>words.txt
check_equal "oracle of text" "$(lattice-oracle --word-symbol-table=words.txt ark:lat.ark ark:ref.txt 2>/dev/null)" \
  'Overall %WER 33.33 [ 1 / 3, 0 insertions, 1 deletions, 0 sub ]'
check_fails "a reference is missing" 1 "utterance u2: .*no entry for key 'u2'" lattice-oracle ark:lat.ark 'ark:head -n 1 ref.int |'
check_fails "little memory" 1 'utterance u1: .*3 words of the reference takes more than --max-mem=20 bytes' \
  lattice-oracle --max-mem=20 ark:lat.ark ark:ref.int
check_equal "no words at all" "$(lattice-oracle 'ark:sed -n "/u2/,\$p" lat.txt |' 'ark:echo "u2 " |' 2>/dev/null)" \
  'Overall %WER - [ 0 / 0, 0 insertions, 0 deletions, 0 sub ]'

# Bad lattices: named, counted, and the others go on.
bad() { # NAME REGEX, the first lattice on stdin
  (printf 'bad \n'; tr ' ' '\t'; printf '\n'; cat lat.txt) >bad.txt
  check_fails "$1" 1 "utterance bad: .*bad.txt: key 'bad' at byte 0: $2" lattice-copy ark:bad.txt ark,t:out.txt
  check_equal "$1: the others are there" "$(cat out.txt)" "$(cat lat.txt)"
}
bad "a cycle" 'the lattice has a cycle' <<<$'0 1 1\n1 0 2\n1'
bad "not a number" 'state 0 has an arc of the cost' <<<$'0 1 1 nan,0,\n1'
bad "an infinite cost" 'state 0 has an arc of the cost' <<<$'0 1 1 1,inf,\n1'
bad "a transducer" "line 1 of the lattice: '1,1,1' is no weight" <<<$'0 1 1 2 1,1,1\n1'
head -c $(($(stat -c %s lat.ark) - 5)) lat.ark >cut.ark
check_fails "a truncated archive" 1 "cut.ark: key 'u2'.*the data end" lattice-copy ark:cut.ark ark:out.ark
check_fails "features are no lattices" 1 "key 'u' .*expected a lattice" lattice-copy "ark:printf 'u \\0BFM abcdefgh' |" ark:out.ark
printf 'u \n\n' >empty.txt
check "an empty lattice can be copied" lattice-copy ark:empty.txt ark:empty.ark
for tool in "lattice-best-path ark:empty.ark" "lattice-to-nbest ark:empty.ark" "lattice-prune ark:empty.ark ark:/dev/null" \
  "lattice-determinize-pruned ark:empty.ark ark:/dev/null" "lattice-oracle ark:empty.ark ark:ref.u"; do
  echo 'u 1' >ref.u
  # shellcheck disable=SC2086
  check_fails "but has no path: ${tool%% *}" 1 'utterance u: .*the lattice has no path' $tool
done

# A lattice that is too large for memory: pruned while it is read, by name; the next one is whole.
if command -v python3 >/dev/null; then
  python3 - <<'END'
import random, struct
random.seed(1)
inf = float('inf')
def lattice(states, arcs, labels):
    text = lambda s: struct.pack('<i', len(s)) + s
    out = [struct.pack('<i', 2125659606), text(b'vector'), text(b'compactlattice44'), struct.pack('<iIQqqq', 2, 0, 3, 0, states, 0)]
    string = struct.pack(f'<i{labels}i', labels, *range(1, labels + 1))
    for s in range(states):
        out.append(struct.pack('<ffi', *((0, 0, 0) if s == states - 1 else (inf, inf, 0))))
        out.append(struct.pack('<q', arcs if s < states - 1 else 0))
        for a in range(arcs if s < states - 1 else 0):
            out.append(struct.pack('<iiff', a + 1, a + 1, random.uniform(0, 9) if a else 0, 0) + string + struct.pack('<i', s + 1))
    return b''.join(out)
with open('big.ark', 'wb') as f:
    f.write(b'big ' + lattice(2000, 50, 100) + b'small ' + lattice(3, 2, 1))
END
  check_peak "more than there is memory for" 40 lattice-best-path --max-lattice-mb=4 ark:big.ark ark,t:big.words
  cp .check.err big.log
  check "is told with its utterance and the beam" grep -Eq "WARNING .*big.ark: key 'big' at byte 0: the lattice has more than 4 MB .*pruned to a beam of [0-9.]+: 2000 of 2000 states" big.log
  check_equal "best paths stay" "$(sed 's/[^1 ]//g' big.words | awk '{ print NF }' | xargs)" "1999 2"
  check_fails "from a pipe" 1 "key 'big'.*more than 4 MB; in binary from a file, not from a pipe" \
    lattice-best-path --max-lattice-mb=4 'ark:cat big.ark |' ark,t:piped.words
  check_equal "the next one is read" "$(cut -d ' ' -f 1 piped.words)" small
  check_fails "no memory at all" 2 'max-lattice-mb=0: must be at least 1' lattice-copy --max-lattice-mb=0 ark:big.ark ark:x
  rm -f big.ark
fi

# kaldifst, a port of Kaldi's FSTs, reads what we write, writes what we read, and gives the same paths.
if python3 -c 'import kaldifst' 2>/dev/null; then
  cat >peer.py <<'END'
import random, subprocess, kaldifst
from kaldifst import Lattice, LatticeArc, LatticeWeight

random.seed(1)
agree = 0
for trial in range(60):
    lat = Lattice()
    n = random.randint(2, 12)
    for s in range(n):
        lat.add_state()
    lat.start = 0
    cost = lambda: LatticeWeight(random.uniform(0, 5), random.uniform(-5, 5))
    for s in range(n - 1):
        for _ in range(random.randint(1, 3)):
            nxt = random.randint(s + 1, min(s + 3, n - 1))
            lat.add_arc(s, LatticeArc(random.randint(1, 9), random.randint(0, 3), cost(), nxt))
    lat.set_final(n - 1, cost())
    lat.write("peer.lat")
    data = open("peer.lat", "rb").read()
    open("peer.ark", "wb").write(b"u " + data)
    subprocess.run(["lattice-copy", "--print-args=false", "--write-compact=false", "ark:peer.ark", "ark:ours.ark"],
                   check=True, stderr=subprocess.DEVNULL)
    assert open("ours.ark", "rb").read() == b"u " + data, "other bytes"
    lm, ac = random.choice([(1.0, 1.0), (0.5, 2.0)])
    theirs = []
    for path in kaldifst.lattice_to_nbest(lat, acoustic_scale=ac, lm_scale=lm, n=5):
        ok, isym, osym, weight = kaldifst.get_linear_symbol_sequence(path)
        theirs.append((osym, weight.value1 / lm, weight.value2 / ac))
    out = subprocess.run(["lattice-to-nbest", "--print-args=false", "--n=5", f"--lm-scale={lm}", f"--acoustic-scale={ac}",
                          "--words=ark,t:words", "--scores=ark,t:scores", "--lm-scores=ark,t:lms", "ark:peer.ark"],
                         check=True, stderr=subprocess.DEVNULL)
    words = [list(map(int, l.split()[1:])) for l in open("words")]
    scores = [float(l.split()[2]) for l in open("scores")]
    lms = [float(l.split()[2]) for l in open("lms")]
    assert len(words) == len(theirs), (words, theirs)
    for (w, g, a), w2, a2, g2 in zip(theirs, words, scores, lms):
        assert [x for x in w if x != 0] == w2, (theirs, words)
        assert abs(g + g2) < 1e-3 and abs(a + a2) < 1e-3
        agree += 1
print(agree, "paths agree")
END
  check "kaldifst: the same bytes, and the same n best paths" python3 peer.py
else
  skip "kaldifst" "not installed"
fi
