#!/usr/bin/env bash
# ctc-decode: methods, keys, scores, times, threads, bad utterances, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

# The table of tests/decode/ctc-search-test.cc (blank, a, b): P(a) = .561, P() = .12, P(a b) = .089.
cat >"$tmp/logp.txt" <<'END'
utt1  [
  -0.693147 -0.916291 -2.302585
  -0.916291 -0.693147 -2.302585
  -0.510826 -1.203973 -2.302585 ]
utt2  [ ]
END

check "greedy runs" ctc-decode --method=greedy "ark:$tmp/logp.txt" "ark,t:$tmp/greedy.txt" "ark,t:$tmp/scores.txt"
check_equal "greedy tokens" "$(cat "$tmp/greedy.txt")" $'utt1 1 \nutt2 '
check_equal "greedy scores" "$(tr -d '[]' <"$tmp/scores.txt" | awk '{ printf "%s %.3f\n", $1, $2 }')" $'utt1 -1.897\nutt2 0.000'

check "n-best runs" ctc-decode --nbest=3 --beam=100 --times="ark,t:$tmp/times.txt" "ark:$tmp/logp.txt" \
  "ark,t:$tmp/nbest.txt" "ark,t:$tmp/scores.txt"
check_equal "n-best keys and tokens" "$(sed 's/ *$//' "$tmp/nbest.txt")" \
  $'utt1-1 1\nutt1-2\nutt1-3 1 2\nutt2-1'
check_equal "n-best times" "$(sed 's/ *$//' "$tmp/times.txt")" $'utt1-1 1\nutt1-2\nutt1-3 1 2\nutt2-1'
check_equal "n-best scores as probabilities" \
  "$(tr -d '[]' <"$tmp/scores.txt" | awk '{ printf "%s %.3f\n", $1, exp($2) }')" \
  $'utt1-1 0.561\nutt1-2 0.120\nutt1-3 0.089\nutt2-1 1.000'
check "stats" ctc-decode --stats="$tmp/stats.json" "ark:$tmp/logp.txt" ark:/dev/null
check_equal "stats count the frames" "$(grep -c '"frames": 3' "$tmp/stats.json")" 1
check_equal "one-best has the utterance id" \
  "$(ctc-decode "ark:$tmp/logp.txt" ark,t:- 2>/dev/null | sed 's/ *$//')" $'utt1 1\nutt2'
check_equal "another blank" \
  "$(ctc-decode --method=greedy --blank=1 "ark:$tmp/logp.txt" ark,t:- 2>/dev/null | sed 's/ *$//')" \
  $'utt1 0 0\nutt2'
check_equal "blank penalty" \
  "$(ctc-decode --method=greedy --blank-penalty=2 "ark:$tmp/logp.txt" ark,t:- 2>/dev/null | head -n 1)" 'utt1 1 '

golden_logp=$(golden_path ctc_search/logprobs.ark)
if [ -n "$golden_logp" ]; then
  for threads in 1 2 5; do
    ctc-decode --threads=$threads --nbest=4 --beam=4 --times="ark:$tmp/t$threads" "ark:$golden_logp" \
      "ark:$tmp/n$threads" "ark:$tmp/s$threads" 2>"$tmp/log" || cat "$tmp/log"
  done
  check "2 threads give the same bytes" cmp <(cat "$tmp"/[nst]1) <(cat "$tmp"/[nst]2)
  check "5 threads give the same bytes" cmp <(cat "$tmp"/[nst]1) <(cat "$tmp"/[nst]5)
  check_equal "utterances of the golden set" "$(grep -ac -- - <(ctc-decode --nbest=4 --beam=4 "ark:$golden_logp" ark,t:- 2>/dev/null))" 80
else
  skip "threads" "no ctc_search/logprobs.ark"
fi

sed 's/-0.916291 -0.693147/nan -0.693147/' "$tmp/logp.txt" >"$tmp/nan.txt"
check_fails "NaN: utterance named, the rest decoded, status 1" 1 'utterance utt1: .*frame 1, token 0 is NaN' \
  ctc-decode "ark:$tmp/nan.txt" "ark,t:$tmp/out.txt"
check_equal "the good utterance is there" "$(sed 's/ *$//' "$tmp/out.txt")" utt2
check "within --max-failures" ctc-decode --max-failures=1 "ark:$tmp/nan.txt" "ark,t:$tmp/out.txt"
check_fails "NaN, best path" 1 'utterance utt1: .*frame 1, token 0 is NaN' ctc-decode --method=greedy "ark:$tmp/nan.txt" ark,t:/dev/null
sed 's/-0.916291 -0.693147/-0.916291 inf/' "$tmp/logp.txt" >"$tmp/inf.txt"
for method in greedy prefix-beam; do
  check_fails "infinity, $method" 1 'utterance utt1: .*frame 1, token 1 is inf' ctc-decode --method=$method "ark:$tmp/inf.txt" ark,t:/dev/null
done
check_fails "the same with threads" 1 'utterance utt1: .*NaN' ctc-decode --threads=2 "ark:$tmp/nan.txt" ark,t:/dev/null
echo 'u [ 1.5 2.5 ]' >"$tmp/logits.txt"
check_fails "logits are not log-probabilities" 1 'looks? like logits' ctc-decode "ark:$tmp/logits.txt" ark,t:-
check_fails "blank outside the columns" 1 'blank id 7 is outside the 3 columns' \
  ctc-decode --blank=7 "ark:$tmp/logp.txt" ark,t:-
: >"$tmp/empty.ark"
check_fails "no utterances" 1 'no utterances' ctc-decode "ark:$tmp/empty.ark" ark,t:-
check_fails "missing file" 1 'absent.ark' ctc-decode "ark:$tmp/absent.ark" "ark:$tmp/never.ark"
check "nothing under the final name" test ! -e "$tmp/never.ark"
printf 'utt1 \0BFM \4\3\0\0\0\4\3\0\0\0abc' >"$tmp/trunc.ark"
check_fails "truncated archive" 1 'trunc.ark' ctc-decode "ark:$tmp/trunc.ark" "ark:$tmp/never.ark"
mkdir "$tmp/with space"
check "a path with a space" ctc-decode "ark:$tmp/logp.txt" "ark:$tmp/with space/out.ark"
check_fails "a full disk" 1 'No space left' ctc-decode "ark:$tmp/logp.txt" ark:/dev/full
check_fails "a failing pipe" 1 "'exit 3' ended with exit status 3" ctc-decode "ark:$tmp/logp.txt" "ark:| exit 3"

check_fails "unknown method lists the known ones" 2 'known methods are greedy, prefix-beam' \
  ctc-decode --method=viterbi "ark:$tmp/logp.txt" ark,t:-
check_fails "n-best of greedy" 2 'greedy search has one' ctc-decode --method=greedy --nbest=2 "ark:$tmp/logp.txt" ark,t:-
check_fails "n-best above beam" 2 '--beam=4' ctc-decode --beam=4 --nbest=5 "ark:$tmp/logp.txt" ark,t:-
check_fails "threads 0" 2 '--threads=0' ctc-decode --threads=0 "ark:$tmp/logp.txt" ark,t:-
check_fails "too few arguments" 2 'argument' ctc-decode "ark:$tmp/logp.txt"
check "help" ctc-decode --help
