#!/usr/bin/env bash
# compute-cmvn-stats and apply-cmvn.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

cat >feats.txt <<'T'
a1  [
  1 10
  3 10 ]
a2  [
  5 40 ]
b1  [
  -2 0
  -4 8 ]
T
printf 'a a1 a2\nb b1\n' >spk2utt
printf 'a1 a\na2 a\nb1 b\n' >utt2spk
text() { copy-feats --print-args=false "$1" ark,t:- 2>/dev/null | tr -s ' \n' ' '; }

check "global statistics as text" compute-cmvn-stats --binary=false ark:feats.txt global.txt
check_equal "sums, count, squares" "$(tr -s ' \n' ' ' <global.txt)" " [ 3 68 5 55 1864 0 ] "
check "global statistics in binary" compute-cmvn-stats ark:feats.txt global
check_equal "are Kaldi's double matrix" "$(head -c 5 global | tr '\0' '0')" "0BDM "
check "per utterance" compute-cmvn-stats ark:feats.txt ark,t:utt.txt
check_equal "one matrix each" "$(grep -c '\[' utt.txt)" 3
check "per speaker" compute-cmvn-stats --spk2utt=ark:spk2utt ark:feats.txt ark,scp:spk.ark,spk.scp
check_equal "one matrix each" "$(wc -l <spk.scp)" 2

check "means of speakers" apply-cmvn --utt2spk=ark:utt2spk scp:spk.scp ark:feats.txt ark:by_spk.ark
check_equal "a - (3, 20), b - (-3, 4)" "$(text ark:by_spk.ark)" \
  "a1 [ -2 -10 0 -10 ] a2 [ 2 20 ] b1 [ 1 -4 -1 4 ] "
check "means and variances of utterances" apply-cmvn --norm-vars=true ark:utt.txt "ark:head -n 3 feats.txt; tail -n 3 feats.txt |" ark:by_utt.ark
check_equal "a constant stays finite" "$(text ark:by_utt.ark)" "a1 [ -1 0 1 0 ] b1 [ 1 -1 -1 1 ] "
check "global, from text" apply-cmvn --norm-vars=true global.txt ark:feats.txt ark:normalised.ark
check "global, from binary" apply-cmvn --norm-vars=true global ark:feats.txt ark:normalised2.ark
check "give the same" cmp normalised.ark normalised2.ark
check "and back" apply-cmvn --norm-vars=true --reverse=true global ark:normalised.ark ark,t:back.txt
check_equal "to the beginning" "$(awk '{for (i = 1; i <= NF; i++) printf "%s ", ($i ~ /^[-.0-9e]+$/ ? int($i * 100 + 1000.5) / 100 - 10 : $i)}' back.txt)" \
  "$(tr -s ' \n' ' ' <feats.txt)"
check "nothing asked for" apply-cmvn --norm-means=false global ark:feats.txt ark:same.ark
check_equal "changes nothing" "$(text ark:same.ark)" "$(text ark:feats.txt)"

printf 'e  [ ]\n' | cat - feats.txt >empty_first.txt
check_fails "an utterance without frames" 1 "utterance e: .*no frames" compute-cmvn-stats --binary=false ark:empty_first.txt empty_first
check "does not spoil the others" cmp empty_first global.txt
check_fails "an utterance without frames is not normalised" 1 "utterance e: .*no frames" apply-cmvn global ark:empty_first.txt ark:x.ark

grep -v b1 utt2spk >utt2spk_missing
check_fails "a speaker that is missing" 1 "utterance b1: .*b1" apply-cmvn --utt2spk=ark:utt2spk_missing scp:spk.scp ark:feats.txt ark:x.ark
printf 'a1  [\n  1 nan ]\nb1  [\n  1 2 3 ]\nc1  [\n  1 2 ]\n' >bad.txt
check_fails "NaN in features" 1 "utterance a1: .*NaN" compute-cmvn-stats ark:bad.txt ark:x.ark
check_fails "another dimension" 1 "utterance c1: .*dimensions" compute-cmvn-stats "ark:tail -n 4 bad.txt |" x
check_fails "a missing utterance of a speaker" 1 "utterance a2: " compute-cmvn-stats --spk2utt=ark:spk2utt "ark:sed '/^a2/,+1d' feats.txt |" ark:x.ark
check_fails "statistics of another dimension" 1 "3 dimensions" apply-cmvn global "ark:tail -n 4 bad.txt | head -n 2 |" ark:x.ark
check_fails "a file that is no statistics" 1 "feats.txt" apply-cmvn feats.txt ark:feats.txt ark:x.ark
check_fails "a command that fails after the statistics" 1 "exit status 9" apply-cmvn "cat global; exit 9 |" ark:feats.txt ark:x.ark
check_fails "a missing file" 1 "nowhere" apply-cmvn nowhere ark:feats.txt ark:x.ark
check_fails "variances without means" 2 "norm-vars" apply-cmvn --norm-means=false --norm-vars=true global ark:feats.txt ark:x.ark
check_fails "speakers with a single file" 2 "spk2utt" compute-cmvn-stats --spk2utt=ark:spk2utt ark:feats.txt global2
: >none
check_fails "no features" 1 "no utterances" compute-cmvn-stats ark:none none_stats
check_equal "leave no file" "$(ls none_stats 2>/dev/null)" ""

# Weights of frames, and dimensions that are left alone.
printf 'a1 [ 1 0.5 ]\na2 [ 0 ]\n' >weights.txt
check_fails "weights" 1 "utterance b1: .*no entry" compute-cmvn-stats --weights=ark:weights.txt --binary=false ark:feats.txt weighted.txt
check_equal "are counted" "$(tr -s ' \n' ' ' <weighted.txt)" " [ 2.5 15 1.5 5.5 150 0 ] "
check_fails "weights of speakers" 1 "utterance b1" compute-cmvn-stats --spk2utt=ark:spk2utt --weights=ark:weights.txt ark:feats.txt ark,t:weighted_spk.txt
check_equal "are the same" "$(tr -s ' \n' ' ' <weighted_spk.txt)" "a [ 2.5 15 1.5 5.5 150 0 ] "
printf 'a1 [ 1 ]\na2 [ 1 ]\nb1 [ 1 1 ]\n' >weights.txt
check_fails "another number of weights" 1 "utterance a1: .*2 frames, but 1 weights" compute-cmvn-stats --weights=ark:weights.txt ark:feats.txt ark:x.ark
check "skipped dimensions" apply-cmvn --skip-dims=1 --utt2spk=ark:utt2spk scp:spk.scp ark:feats.txt ark:skip.ark
check_equal "stay" "$(text ark:skip.ark)" "a1 [ -2 10 0 10 ] a2 [ 2 40 ] b1 [ 1 0 -1 8 ] "
check "all of them" apply-cmvn --skip-dims=0:1 --norm-vars=true global ark:feats.txt ark:same.ark
check_equal "change nothing" "$(text ark:same.ark)" "$(text ark:feats.txt)"
check_fails "a dimension that is not there" 1 "dimension 2 is to be skipped" apply-cmvn --skip-dims=2 global ark:feats.txt ark:x.ark
check_fails "dimensions that are no numbers" 2 "skip-dims=0,1" apply-cmvn --skip-dims=0,1 global ark:feats.txt ark:x.ark
check "without means the statistics are not asked" apply-cmvn --norm-means=false --utt2spk=ark:utt2spk_missing scp:spk.scp ark:feats.txt ark:same.ark
check_fails "speakers with a single file of statistics" 2 "utt2spk" apply-cmvn --utt2spk=ark:utt2spk global ark:feats.txt ark:x.ark

# A moving window; feat-peers.sh compares it with numpy.
printf 'u  [\n  1\n  2\n  6\n  3 ]\n' >moving.txt
check "a window around each frame" apply-cmvn-sliding --center=true --cmn-window=3 ark:moving.txt ark:moving.ark
check_equal "subtracts its mean" "$(text ark:moving.ark)" "u [ -2 -1 2.3333333 -0.6666667 ] "
check "a window before each frame" apply-cmvn-sliding --cmn-window=2 --min-cmn-window=1 --norm-vars=true ark:moving.txt ark:moving.ark
check_equal "divides by its deviation" "$(text ark:moving.ark)" "u [ 0 1 1.3887302 -0.39223227 ] "
printf 'e  [ ]\nn  [\n  1\n  nan ]\nu  [\n  1 ]\n' >moving_bad.txt
check_fails "a window over NaN" 1 "utterance n: .*frame 1, dimension 0 is NaN" apply-cmvn-sliding ark:moving_bad.txt ark:x.ark
check_fails "a window over nothing" 1 "utterance e: .*no frames" apply-cmvn-sliding ark:moving_bad.txt ark:x.ark
check_equal "spare the others" "$(text ark:x.ark)" "u [ 0 ] "
check_fails "a window of 0" 2 "cmn-window=0" apply-cmvn-sliding --cmn-window=0 ark:moving.txt ark:x.ark
