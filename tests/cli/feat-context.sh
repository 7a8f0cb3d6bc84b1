#!/usr/bin/env bash
# add-deltas and splice-feats; feat-peers.sh compares their numbers with kaldi-native-fbank.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
text() { copy-feats --print-args=false "$1" ark,t:- 2>/dev/null | tr -s ' \n' ' '; }
printf 'a  [\n  1 10\n  2 20\n  4 40 ]\nb  [\n  5 5 ]\n' >in.txt
printf 'e  [ ]\na  [\n  1 2 ]\n' >bad.txt

check "deltas" add-deltas --delta-window=1 ark:in.txt ark:deltas.ark
check_equal "are slopes" "$(text ark:deltas.ark)" \
  "a [ 1 10 0.5 5 0.75 7.5 2 20 1.5 15 0.25 2.5 4 40 1 10 -0.75 -7.5 ] b [ 5 5 0 0 0 0 ] "
check "deltas of the first dimension" add-deltas --delta-window=1 --delta-order=1 --truncate=1 ark:in.txt ark:first.ark
check_equal "are those" "$(text ark:first.ark)" "a [ 1 0.5 2 1.5 4 1 ] b [ 5 0 ] "
check "deltas in a pipe" bash -o pipefail -c "add-deltas ark:in.txt ark:- | add-deltas ark:- ark:- | feat-to-dim ark:- ark,t:dims"
check_equal "have nine times the dimension" "$(awk '{print $1 $2}' dims | paste -sd' ')" "a18 b18"
check_fails "no frames" 1 "utterance e: .*no frames" add-deltas ark:bad.txt ark,t:x.txt
check_equal "spare the others" "$(awk '{print $1}' x.txt | head -n 1)" a
check_fails "fewer dimensions than are to be kept" 1 "utterance a: .*2 dimensions.*truncate=3" add-deltas --truncate=3 ark:in.txt ark:x.ark
check_fails "a window of 0" 2 "delta-window=0" add-deltas --delta-window=0 ark:in.txt ark:x.ark
check_fails "an unknown option" 2 "did you mean --delta-order" add-deltas --delta-orde=1 ark:in.txt ark:x.ark

check "splicing" splice-feats --left-context=1 --right-context=2 ark:in.txt ark:spliced.ark
check_equal "repeats the ends" "$(text ark:spliced.ark)" \
  "a [ 1 10 1 10 2 20 4 40 1 10 2 20 4 40 4 40 2 20 4 40 4 40 4 40 ] b [ 5 5 5 5 5 5 5 5 ] "
splice-feats ark:in.txt ark:spliced.ark 2>/dev/null
check_equal "four frames on either side by default" "$(feat-to-dim ark:spliced.ark - 2>/dev/null)" 18
check "no context" splice-feats --left-context=0 --right-context=0 ark:in.txt ark:same.ark
check_equal "changes nothing" "$(text ark:same.ark)" "$(text ark:in.txt)"
check_fails "splicing no frames" 1 "utterance e: .*no frames" splice-feats ark:bad.txt ark:x.ark
check_fails "a negative context" 2 "left-context=-1" splice-feats --left-context=-1 ark:in.txt ark:x.ark
check_fails "a missing table" 1 "nowhere" splice-feats ark:nowhere ark:x.ark
