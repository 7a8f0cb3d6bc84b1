#!/usr/bin/env bash
# compute-vad and select-voiced-frames.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
text() { "$1" --print-args=false "$2" ark,t:- 2>/dev/null | tr -s ' \n' ' '; }
printf 'a  [\n  20 1\n  13 2\n  15 3 ]\nb  [\n  0 4\n  1 5 ]\n' >feats.txt

check "decisions" compute-vad ark:feats.txt ark,scp:vad.ark,vad.scp
check_equal "by Kaldi's defaults: 5 + half the mean" "$(text copy-vector scp:vad.scp)" "a [ 1 0 1 ] b [ 0 0 ] "
check_fails "are told" 0 "2 of 5 frames are voiced; 1 utterances have none" compute-vad ark:feats.txt ark:x.ark
check "leaving out what is silent" compute-vad --omit-unvoiced-utts=true ark:feats.txt ark:x.ark
check_equal "leaves one" "$(text copy-vector ark:x.ark)" "a [ 1 0 1 ] "
check "context" compute-vad --vad-frames-context=1 --vad-energy-threshold=0 --vad-energy-mean-scale=1 ark:feats.txt ark:x.ark
check_equal "votes" "$(text copy-vector ark:x.ark)" "a [ 0 0 0 ] b [ 0 0 ] "
check "a lower proportion" compute-vad --vad-frames-context=1 --vad-proportion-threshold=0.4 \
  --vad-energy-threshold=0 --vad-energy-mean-scale=1 ark:feats.txt ark:x.ark
check_equal "has more" "$(text copy-vector ark:x.ark)" "a [ 1 0 0 ] b [ 1 1 ] "
printf 'e  [ ]\nn  [\n  nan 1 ]\na  [\n  9 1 ]\n' >bad.txt
check_fails "no frames" 1 "utterance e: .*no frames" compute-vad ark:bad.txt ark:x.ark
check_fails "NaN" 1 "utterance n: .*frame 0, dimension 0 is NaN" compute-vad ark:bad.txt ark:x.ark
check_fails "a proportion of 1" 2 "vad-proportion-threshold=1" compute-vad --vad-proportion-threshold=1 ark:feats.txt ark:x.ark
check_fails "an unknown option" 2 "did you mean" compute-vad --vad-energy-thresh=1 ark:feats.txt ark:x.ark

check_fails "voiced frames" 1 "utterance b: .*no frame is voiced" select-voiced-frames ark:feats.txt scp:vad.scp ark:x.ark
check_equal "are those" "$(text copy-feats ark:x.ark)" "a [ 20 1 15 3 ] "
printf 'a [ 1 1 ]\n' >vad.txt
check_fails "another length" 1 "utterance a: .*3 frames, but 2 decisions" select-voiced-frames ark:feats.txt ark:vad.txt ark:x.ark
check_fails "a missing decision" 1 "utterance b: .*no entry" select-voiced-frames ark:feats.txt ark:vad.txt ark:x.ark
printf 'a [ 1 0.5 0 ]\nb [ 0 1 ]\n' >vad.txt
check_fails "half a decision" 1 "utterance a: .*0.5" select-voiced-frames ark:feats.txt ark:vad.txt ark:x.ark
check_fails "two arguments" 2 "select-voiced-frames" select-voiced-frames ark:feats.txt ark:x.ark
