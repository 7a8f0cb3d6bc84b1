#!/usr/bin/env bash
# subset-feats, concat-feats, paste-feats, extract-feature-segments.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
text() { copy-feats --print-args=false "$1" ark,t:- 2>/dev/null | tr -s ' \n' ' '; }
keys() { feat-to-len --print-args=false "$1" ark,t:- 2>/dev/null | awk '{print $1}' | paste -sd' '; }
for i in $(seq -w 12); do printf 'u%s  [\n  %s 0 ]\n' "$i" "$i"; done >twelve.txt
copy-feats ark:twelve.txt ark,scp:twelve.ark,twelve.scp 2>/dev/null

check "the first utterances" subset-feats ark:twelve.txt ark:x.ark
check_equal "are ten by default" "$(keys ark:x.ark)" "u01 u02 u03 u04 u05 u06 u07 u08 u09 u10"
check "the first two, binary through a pipe" subset-feats --n=2 "ark:cat twelve.ark |" ark:x.ark
check_equal "are those" "$(text ark:x.ark)" "u01 [ 1 0 ] u02 [ 2 0 ] "
check "more than there are" subset-feats --n=100 scp:twelve.scp ark:x.ark
check "are all" cmp x.ark twelve.ark
printf 'u03 and more words\nnobody\nu11\n' >list
check "those of a list" subset-feats --include=list ark:twelve.txt ark:x.ark
check_equal "in the table's order" "$(keys ark:x.ark)" "u03 u11"
check "all but those of a list" subset-feats --exclude=list scp:twelve.scp ark:x.ark
check_equal "are ten" "$(keys ark:x.ark)" "u01 u02 u04 u05 u06 u07 u08 u09 u10 u12"
echo nobody >nobody
check_fails "a list of nobody" 1 "no chosen utterances" subset-feats --include=nobody ark:twelve.txt ark:x.ark
check_fails "both lists" 2 "not both" subset-feats --include=list --exclude=list ark:twelve.txt ark:x.ark
check_fails "a list and a number" 2 "not both" subset-feats --include=list --n=3 ark:twelve.txt ark:x.ark
check_fails "no utterance at all" 2 "n=0" subset-feats --n=0 ark:twelve.txt ark:x.ark
check_fails "a list that is not there" 1 "nolist" subset-feats --include=nolist ark:twelve.txt ark:x.ark
sed 's/:[0-9]*$/:3/; 1d' twelve.scp >bad.scp
check_fails "utterances that cannot be read" 1 "utterance u02: " subset-feats --n=1 scp:bad.scp ark:x.ark

echo '[ 1 2
3 4 ]' >a.mat
echo '[ 5 6 ]' >b.mat
echo '[ 7 ]' >c.mat
echo '[ ]' >empty.mat
check "files one after another" concat-feats --binary=false a.mat b.mat empty.mat a.mat x.mat
check_equal "are long" "$(tr -s ' \n' ' ' <x.mat)" " [ 1 2 3 4 5 6 1 2 3 4 ] "
check "in binary, from an archive" concat-feats twelve.ark:4 "$(sed -n 's/u02 //p' twelve.scp)" x.mat
check_equal "too" "$(copy-feats --binary=false x.mat - 2>/dev/null | tr -s ' \n' ' ')" " [ 1 0 2 0 ] "
check_fails "files of other dimensions" 1 "input 2 has 1 dimensions, .*2" concat-feats a.mat c.mat x.mat
check_fails "a missing file" 1 "nowhere.mat" concat-feats a.mat nowhere.mat x.mat
check_fails "a single file" 2 "concat-feats" concat-feats a.mat x.mat

check "files side by side" paste-feats --binary=false b.mat c.mat b.mat x.mat
check_equal "are wide" "$(tr -s ' \n' ' ' <x.mat)" " [ 5 6 7 5 6 ] "
check_fails "files of other lengths" 1 "1 to 2 frames" paste-feats a.mat c.mat x.mat
check "within the tolerance" paste-feats --binary=false --length-tolerance=1 a.mat c.mat x.mat
check_equal "are cut" "$(tr -s ' \n' ' ' <x.mat)" " [ 1 2 7 ] "
printf 'a  [\n  1 2\n  3 4 ]\nb  [\n  5 6 ]\nc  [\n  7 8 ]\n' >one.txt
printf 'c  [\n  70 ]\na  [\n  10\n  30 ]\nb  [\n  50\n  60 ]\n' >two.txt
check_fails "tables" 1 "utterance b: .*1 to 2 frames" paste-feats ark:one.txt ark:two.txt ark:x.ark
check_equal "without the utterance of two lengths" "$(text ark:x.ark)" "a [ 1 2 10 3 4 30 ] c [ 7 8 70 ] "
check "three tables" paste-feats --length-tolerance=1 ark:one.txt ark:two.txt ark:one.txt ark:x.ark
check_equal "by key, whatever the order" "$(text ark:x.ark)" "a [ 1 2 10 1 2 3 4 30 3 4 ] b [ 5 6 50 5 6 ] c [ 7 8 70 7 8 ] "
grep -v -A1 '^c' two.txt | sed '/^--/d; /70/d' >without_c.txt
check_fails "a key missing in one input" 1 "utterance c: .*no entry for key 'c' in without_c.txt" \
  paste-feats --length-tolerance=1 ark:one.txt ark:two.txt ark:without_c.txt ark:x.ark
check_equal "spares the others" "$(keys ark:x.ark)" "a b"
check_fails "a table and a file" 2 "tables only or files only" paste-feats ark:one.txt a.mat ark:x.ark
check_fails "a negative tolerance" 2 "length-tolerance=-1" paste-feats --length-tolerance=-1 a.mat a.mat x.mat

# 100 frames of 10 ms whose values are their numbers.
{ echo "rec  ["; seq 0 98; echo "99 ]"; } >rec.txt
ends() { copy-feats ark:x.ark ark,t:- 2>/dev/null | tr -d '[]' | awk 'NF && !/^[ 0-9]/ { if (key != "") print key, first, last; key = $1; first = "" }
  /^ *[0-9]/ { if (first == "") first = $1; last = $1 } END { print key, first, last }' | paste -sd' '; }
printf 's1 rec 0.1 0.5\ns2 rec 0.4 -1\n\ns3 rec 0 1.02 0\n' >segments
check "segments" extract-feature-segments ark:rec.txt segments ark:x.ark
check_equal "as their audio would give" "$(ends)" "s1 10 47 s2 40 99 s3 0 99"
head -n 1 segments >first
check "without snipped edges" extract-feature-segments --snip-edges=false ark:rec.txt first ark:x.ark
check_equal "two frames more" "$(ends)" "s1 10 49"
check "another frame shift" extract-feature-segments --frame-shift=20 --frame-length=20 ark:rec.txt first ark:x.ark
check_equal "other frames" "$(ends)" "s1 5 24"
for line in "s rec 5 6" "s rec 0.3 0.4" "s nobody 0 1" "s rec x 1" "s rec 0.5 1.2" "s rec" "s rec 0 1 x" "s rec 2 1"; do
  echo "$line" >bad_segments
  check_fails "segment '$line'" 1 "utterance s: " extract-feature-segments ark:rec.txt bad_segments ark:x.ark
done
sed "1a t rec 0" segments >bad_segments
check_fails "a bad line has its number" 1 "bad_segments:2: " extract-feature-segments ark:rec.txt bad_segments ark:x.ark
echo "s rec 0.5 1.2" >late
check "an overshoot that is allowed" extract-feature-segments --max-overshoot=0.5 ark:rec.txt late ark:x.ark
check_equal "is cut" "$(ends)" "s 50 99"
check_fails "a frame shift of 0" 2 "frame-shift=0" extract-feature-segments --frame-shift=0 ark:rec.txt first ark:x.ark

# A command whose output is not read to its end: 4 MB, more than a pipe holds.
awk 'BEGIN { for (i = 0; i < 2000; i++) { printf "u%d  [", i; for (d = 0; d < 500; d++) printf " 1.5"; print " ]" } }' >big.txt
check "the first of many from a pipe" subset-feats --n=1 "ark:cat big.txt |" ark:x.ark
check_equal "is that" "$(keys ark:x.ark)" u0
