#!/usr/bin/env bash
# Kaldi's small tools on matrices: select-feats, shift-feats, subsample-feats, copy-matrix, compare-feats,
# copy-feats-to-htk, modify-cmvn-stats.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip kaldi-feats "no python3"
  exit 0
fi
py() { python3 "$root/tests/support/kaldi_tools.py" "$@"; }
py random 1 6 7 1 12 >f.txt
copy-feats ark:f.txt ark,scp:f.ark,f.scp 2>/dev/null
expect() { # <name> <expression of a matrix m> <command without the output>
  local name=$1 expression=$2
  shift 2
  rm -f x.txt
  check "$name" "$@" ark,t:x.txt
  py matrix "$expression" <f.txt >want.txt
  check "$name: the numbers" py near x.txt want.txt
}
# A frame u2 of an archive whose second utterance is broken.
printf 'u1  [\n  1 2 3\n  4 5 6 ]\nu2  [\n  1 x 3 ]\nu3  [\n  7 8 9 ]\n' >broken.txt
bad() { # <name> <command without input and output, then input's place is IN>
  local name=$1 words=("${@:2}") i
  for i in "${!words[@]}"; do [[ ${words[i]} != IN ]] || words[i]=ark:broken.txt; done
  rm -f x.txt
  check_fails "$name: a bad utterance" 1 'utterance u2: ' "${words[@]}" ark,t:x.txt
  check_equal "$name: the others" "$(grep -c '\[' x.txt)" 2
  rm -f x.txt
  check "$name: a bad utterance that may be" "${words[0]}" --max-failures=1 "${words[@]:1}" ark,t:x.txt
}

# select-feats
expect "select-feats: numbers and ranges" '[[r[0], *r[4:1:-1], r[1], r[2], r[1]] for r in m]' select-feats 0,4-2,1-2,1 scp:f.scp
expect "select-feats: one dimension" '[[r[5]] for r in m]' select-feats 5 ark:f.ark
bad select-feats select-feats 0,2 IN
check_fails "select-feats: a dimension too many" 1 "utterance u1: .*6 dimensions, dimension 6" select-feats 0,6 ark:f.ark ark:x
for dims in '' '0,' 1- 1-2-3 a 0.5 ' ' 99999999999; do
  check_fails "select-feats '$dims'" 2 "dimensions '$dims'" select-feats "$dims" ark:f.ark ark:x
done
check_fails "select-feats: too many" 2 "more than 100000" select-feats 0-2000000000 ark:f.ark ark:x
check_fails "select-feats: two arguments" 2 "2 arguments" select-feats ark:f.ark ark:x

# shift-feats
expect "shift-feats: later" '[m[max(0, t - 2)] for t in range(len(m))]' shift-feats --shift=2 scp:f.scp
expect "shift-feats: earlier" '[m[min(len(m) - 1, t + 1)] for t in range(len(m))]' shift-feats --shift=-1 ark:f.ark
expect "shift-feats: by more than there is" '[m[0]] * len(m)' shift-feats --shift=2147483647 ark:f.ark
expect "shift-feats: not at all" m shift-feats ark:f.ark
printf '[ 1 1\n 2 2\n 3 3 ]\n' >one.mat
check "shift-feats: a file" shift-feats --shift=1 --binary=false one.mat x.mat
check_equal "shift-feats: as in Kaldi" "$(tr -s ' \n' ' ' <x.mat)" " [ 1 1 1 1 2 2 ] "
bad shift-feats shift-feats --shift=1 IN
check_fails "shift-feats: a file and a table" 2 "not one of each" shift-feats one.mat ark:x
check_fails "shift-feats: a bad option" 2 "shift=1.5: expected a whole number" shift-feats --shift=1.5 one.mat x.mat
printf 'a [ ]\nb [ 1 ]\n' >hole.txt
check_fails "shift-feats: no frames" 1 "utterance a: .*no frames" shift-feats ark:hole.txt ark:x

# subsample-feats
expect "subsample-feats" 'm[::3]' subsample-feats --n=3 scp:f.scp
expect "subsample-feats: all" 'm' subsample-feats ark:f.ark
expect "subsample-feats: repeated" '[r for r in m for _ in range(2)]' subsample-feats --n=-2 ark:f.ark
sed '/^u2/,/\]/d' f.txt >long.txt
check "subsample-feats: an offset" subsample-feats --n=2 --offset=1 ark:long.txt ark,t:x.txt
check "subsample-feats: an offset: the numbers" bash -c 'python3 "$1" matrix "m[1::2]" <long.txt >want.txt && python3 "$1" near x.txt want.txt' \
  - "$root/tests/support/kaldi_tools.py"
check_fails "subsample-feats: nothing left" 1 "utterance u2: .*no frame is left: there are 1, --offset=1" \
  subsample-feats --n=2 --offset=1 ark:f.ark ark:x
bad subsample-feats subsample-feats --n=2 IN
for options in --n=0 --offset=-1 '--n=-2 --offset=1' --n=-2147483648; do
  # shellcheck disable=SC2086
  check_fails "subsample-feats $options" 2 "--(n|offset)=" subsample-feats $options ark:f.ark ark:x
done

# copy-matrix
expect "copy-matrix" m copy-matrix scp:f.scp
expect "copy-matrix: scaled" '[[-2.5 * x for x in r] for r in m]' copy-matrix --scale=-2.5 ark:f.ark
expect "copy-matrix: log, floored" '[[log(max(2 * x, 1e-20)) for x in r] for r in m]' copy-matrix --scale=2 --apply-log ark:f.ark
expect "copy-matrix: exp" '[[exp(x) for x in r] for r in m]' copy-matrix --apply-exp ark:f.ark
expect "copy-matrix: softmax" '[softmax(r) for r in m]' copy-matrix --apply-softmax-per-row=t ark:f.ark
expect "copy-matrix: a power, last" '[[exp(0.5 * x) ** 3 for x in r] for r in m]' \
  copy-matrix --apply-power=3 --apply-exp --scale=0.5 ark:f.ark
check "copy-matrix: a file" copy-matrix --binary=false --scale=2 one.mat x.mat
check_equal "copy-matrix: as text" "$(tr -s ' \n' ' ' <x.mat)" " [ 2 2 4 4 6 6 ] "
bad copy-matrix copy-matrix --scale=2 IN
check_fails "copy-matrix: two at once" 2 "give one of" copy-matrix --apply-log --apply-exp ark:f.ark ark:x
check_fails "copy-matrix: a file and a table" 2 "not one of each" copy-matrix one.mat ark:x
check_fails "copy-matrix: an overflow" 1 "utterance u1: .*row 0, column .* becomes inf" copy-matrix --scale=100 --apply-exp ark:f.ark ark:x
check_fails "copy-matrix: a root of a negative number" 1 "utterance u1: .* becomes -?nan" copy-matrix --apply-power=0.5 ark:f.ark ark:x
check_fails "copy-matrix: a bad scale" 2 "scale=inf" copy-matrix --scale=inf ark:f.ark ark:x

# compare-feats
check "compare-feats: the same" compare-feats scp:f.scp ark:f.ark
check_equal "compare-feats: 1" "$(sed -n 's/.*Overall similarity for the two feats is:\([^ ]*\) (1.0 means.*/\1/p' .check.err)" 1
printf 'a  [\n  1 2\n  3 0 ]\nb  [\n  2 1 ]\n' >a.txt
printf 'b  [\n  2 1 ]\na  [\n  1 1\n  2 0 ]\n' >b.txt
# Per dimension: 2 (1 + 6 + 4) / (14 + 9) = 0.956522 and 2 (2 + 1) / (5 + 2) = 0.857143.
check_fails "compare-feats: not alike" 1 "Similarity metric for each dimension  \[ 0.956522 0.857143 \] \(1.0 means identical" \
  compare-feats ark:a.txt ark:b.txt
cp .check.err log
for want in 'self-product of 1st features for each column dimension:  \[ 14 5 \]' \
  'self-product of 2nd features for each column dimension:  \[ 9 2 \]' 'cross-product for each column dimension:  \[ 11 3 \]' \
  'Overall similarity for the two feats is:0.906832 ' 'Features are considered dissimilar since 0.906832 < 0.99'; do
  check "compare-feats: $want" grep -q "$want" log
done
check "compare-feats: alike enough" compare-feats --threshold=0.9 ark:a.txt ark:b.txt
check_equal "compare-feats: and says so" "$(grep -c 'considered similar since 0.906832 >= 0.9' .check.err)" 1
printf 'a  [\n  0 2 ]\n' >zero.txt
check "compare-feats: silence is like silence" compare-feats ark:zero.txt ark:zero.txt
sed 1,3d a.txt >c.txt
check_fails "compare-feats: a missing utterance" 1 "utterance a: .*no entry for key 'a' in c.txt" compare-feats ark:a.txt ark:c.txt
check "compare-feats: that may be" compare-feats --max-failures=1 ark:a.txt ark:c.txt
printf 'a  [\n  1 2 ]\nb  [\n  2 1 3 ]\n' >shapes.txt
check_fails "compare-feats: other lengths" 1 "utterance a: .*2 frames of 2 dimensions, the second 1 of 2" compare-feats ark:a.txt ark:shapes.txt
check_fails "compare-feats: other dimensions" 1 "utterance b: .*1 frames of 2 dimensions, the second 1 of 3" compare-feats ark:a.txt ark:shapes.txt
check_fails "compare-feats: a bad option" 2 "threshold=x" compare-feats --threshold=x ark:a.txt ark:a.txt

# copy-feats-to-htk
check "copy-feats-to-htk" copy-feats-to-htk --output-dir=new/htk --output-ext=fbank --sample-kind=7 --sample-period=125000 ark:a.txt
check_equal "copy-feats-to-htk: as HTK reads it" "$(py htk new/htk/a.fbank; py htk new/htk/b.fbank)" $'2 125000 8 7\n1 2\n3 0\n1 125000 8 7\n2 1'
check_equal "copy-feats-to-htk: these files" "$(find new -type f | sort | paste -sd' ')" "new/htk/a.fbank new/htk/b.fbank"
check "copy-feats-to-htk: by default" bash -c 'mkdir here && cd here && copy-feats-to-htk ark:../a.txt'
check_equal "copy-feats-to-htk: its defaults" "$(py htk here/a.fea | sed -n 1p)" "2 100000 8 9"
check "copy-feats-to-htk: back again" bash -c 'printf "a here/a.fea\nb here/b.fea\n" >htk.scp && copy-feats --htk-in scp:htk.scp ark,t:x.txt'
check "copy-feats-to-htk: the same numbers" py near x.txt a.txt
check_fails "copy-feats-to-htk: a bad utterance" 1 "utterance u2: " copy-feats-to-htk --output-dir=broken ark:broken.txt
check_equal "copy-feats-to-htk: the others" "$(find broken -type f | sort | paste -sd' ')" "broken/u1.fea broken/u3.fea"
printf '../a [ 1 ]\n' >slash.txt
check_fails "copy-feats-to-htk: a key that is a path" 1 "has a slash" copy-feats-to-htk --output-dir=slash ark:slash.txt
cat a.txt a.txt >twice.txt
check_fails "copy-feats-to-htk: an utterance twice" 1 "utterance a: .*twice" copy-feats-to-htk --output-dir=twice ark:twice.txt
touch file
check_fails "copy-feats-to-htk: a folder that cannot be" 1 "output-dir=file/x: " copy-feats-to-htk --output-dir=file/x ark:a.txt
for options in --sample-period=0 --sample-kind=-1 --sample-kind=70000 --output-ext= --output-ext=a/b; do
  check_fails "copy-feats-to-htk $options" 2 "$options" copy-feats-to-htk "$options" ark:a.txt
done

# modify-cmvn-stats: of u1, u2, u3, whose normalisation then leaves dimensions 1 and 4 as they are.
compute-cmvn-stats ark:f.ark ark,scp:cmvn.ark,cmvn.scp 2>/dev/null
check "modify-cmvn-stats" modify-cmvn-stats 1:4 scp:cmvn.scp ark:some.ark
check "modify-cmvn-stats: as statistics" apply-cmvn --norm-vars=true ark:some.ark ark:long.txt ark,t:x.txt
check "apply-cmvn --skip-dims" apply-cmvn --norm-vars=true --skip-dims=1:4 ark:cmvn.ark ark:long.txt ark,t:want.txt
check "modify-cmvn-stats: does the same" py near x.txt want.txt
expect "modify-cmvn-stats: mean and variance" \
  '[[sum(c) / len(c) for c in zip(*m)], [sum(x * x for x in c) / len(c) - (sum(c) / len(c)) ** 2 for c in zip(*m)]]' \
  modify-cmvn-stats --convert-to-mean-and-var=true ark:cmvn.ark
expect "modify-cmvn-stats: both" \
  '[[0 if d == 0 else sum(c) / len(c) for d, c in enumerate(zip(*m))], [1 if d == 0 else sum(x * x for x in c) / len(c) - (sum(c) / len(c)) ** 2 for d, c in enumerate(zip(*m))]]' \
  modify-cmvn-stats --convert-to-mean-and-var 0 ark:cmvn.ark
check "modify-cmvn-stats: nothing to do" modify-cmvn-stats ark:cmvn.ark ark:same.ark
check "modify-cmvn-stats: changes nothing" cmp cmvn.ark same.ark
check_fails "modify-cmvn-stats: no such dimension" 1 "utterance u1: .*dimension 6 .*have 6" modify-cmvn-stats 6 ark:cmvn.ark ark:x
check_fails "modify-cmvn-stats: no statistics" 1 "utterance u1: .*not CMVN statistics: 7 x 6" modify-cmvn-stats 0 ark:f.ark ark:x
for dims in a 1:-1 1,2 1: 2.5; do
  check_fails "modify-cmvn-stats '$dims'" 2 "leave as they are: $dims: expected numbers" modify-cmvn-stats "$dims" ark:cmvn.ark ark:x
done
check_fails "modify-cmvn-stats: a bad option" 2 "unknown option --convert" modify-cmvn-stats --convert=t ark:cmvn.ark ark:x
