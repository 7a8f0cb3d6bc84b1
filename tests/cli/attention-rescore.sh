#!/usr/bin/env bash
# attention-rescore: choices as WeNet's, order of the n-best list, threads, bad utterances, models without a
# right-to-left decoder, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "attention-rescore" "no golden models"
  exit
fi
dir=$(dirname "$weights")
model=$tmp/moe.safetensors
check "import" nnet-import --units="$dir/units.txt" "$dir/config.json" "$weights" "$model"
check "n-best lists" ctc-decode --nbest=10 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/nbest" "ark,t:$tmp/scores"
enc=ark:$dir/enc_offline.ark

check_fails "runs, and the header names weights" 0 'CTC weight 0.5, reverse weight 0.3; 1 thread, float32' attention-rescore --stats="$tmp/stats.json" "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" \
  "ark,t:$tmp/tokens" "ark,t:$tmp/totals"
python3 - "$dir/decode.json" >"$tmp/want" <<'END'
import json, sys
for utt, r in json.load(open(sys.argv[1]))['results']['offline'].items():
    r = r['attention_rescoring']
    print(utt, *r['tokens'], '|', f'{r["score"]:.2f}')
END
check_equal "tokens and scores are WeNet's" "$(paste -d ' ' <(sed 's/ *$//' "$tmp/tokens") \
  <(tr -d '[]' <"$tmp/totals" | awk '{ printf "| %.2f\n", $2 }'))" "$(cat "$tmp/want")"
check "statistics" python3 -c "
import json
s = json.load(open('$tmp/stats.json'))
assert s['audio_seconds'] > 4 and abs(s['reverse_weight'] - 0.3) < 1e-6 and s['threads'] == 1, s
assert 0 < s['rows_computed'] < 0.8 * s['rows_asked'], s"

rescore() { attention-rescore --print-args=false "$@"; }
check "sorted by bytes" rescore "$model" "$enc" "ark:LC_ALL=C sort $tmp/nbest |" "ark:LC_ALL=C sort -r $tmp/scores |" \
  "ark,t:$tmp/sorted"
check "the order of the n-best list does not matter" cmp "$tmp/tokens" "$tmp/sorted"
for threads in 1 3; do
  rescore --threads=$threads "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark:$tmp/t$threads" "ark:$tmp/s$threads" 2>/dev/null
done
check "3 threads give the same bytes" cmp <(cat "$tmp"/[ts]1) <(cat "$tmp"/[ts]3)
sed -n 's/-1 / /p' "$tmp/nbest" >"$tmp/one"
sed -n 's/-1 / /p' "$tmp/scores" >"$tmp/onescore"
check "one-best lists keep their only hypothesis" rescore "$model" "$enc" "ark:$tmp/one" "ark:$tmp/onescore" "ark,t:$tmp/oneout"
check "and the utterance's key" cmp "$tmp/one" "$tmp/oneout"
check "--reverse-weight=0" rescore --reverse-weight=0 --ctc-weight=0 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/l2r"

# Sweeps and components.
check "a sweep" rescore --sweep-ctc-weights=0:0.1:0.3,5 --sweep-reverse-weights=0,0.3,1 --components="ark,t:$tmp/components" \
  --threads=2 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/sweep.{ctc}.{reverse}" "ark:$tmp/total.{reverse}.{ctc}"
sweep_equals_single_runs() {
  local c r
  for c in 0 0.1 0.2 0.3 5; do
    for r in 0 0.3 1; do
      rescore --ctc-weight=$c --reverse-weight=$r "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/single" "ark:$tmp/singletotal"
      cmp "$tmp/single" "$tmp/sweep.$c.$r" && cmp "$tmp/singletotal" "$tmp/total.$r.$c" || return 1
    done
  done
}
check "equals single runs to the byte" sweep_equals_single_runs
check_equal "which are not all the same" "$([ "$(cat "$tmp"/sweep.* | sort -u | wc -l)" -gt 4 ] && echo differ)" differ
check "one component vector per hypothesis, in order" cmp <(cut -d ' ' -f 1 "$tmp/components") <(cut -d ' ' -f 1 "$tmp/nbest")
check "their weighted sums choose the same" python3 - "$tmp" <<'END'
import sys
tmp = sys.argv[1]
read = lambda name: [l.split() for l in open(f'{tmp}/{name}')]
tokens = {l[0]: l[1:] for l in read('nbest')}
parts = [(l[0], [float(x) for x in l[2:-1]]) for l in read('components')]
for c in ('0', '0.1', '0.2', '0.3', '5'):
    for r in ('0', '0.3', '1'):
        best = {}
        for key, (l2r, ctc, r2l) in parts:
            total = (1 - float(r)) * l2r + float(r) * r2l + float(c) * ctc
            utt = key.rsplit('-', 1)[0]
            if utt not in best or total > best[utt][0]: best[utt] = (total, key)
        assert [[u, *tokens[k]] for u, (t, k) in best.items()] == read(f'sweep.{c}.{r}'), (c, r)
END
rescore --reverse-weight=0 --components="ark,t:$tmp/again" "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null 2>/dev/null
check "components do not depend on the weights" cmp "$tmp/components" "$tmp/again"
check_fails "a sweep into one file" 2 'would write 3 results to .*one\..*; put .ctc. and .reverse.' \
  rescore --sweep-ctc-weights=0:0.5:1 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/one.{reverse}"
check_fails "not a list of weights" 2 "sweep-ctc-weights=0;1: '0;1' is not a number" \
  rescore '--sweep-ctc-weights=0;1' "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/one.{ctc}"
check_fails "a weight that cannot be" 2 'reverse-weight=1.5: must be from 0 to 1' \
  rescore --sweep-reverse-weights=0:0.5:1.5 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/one.{reverse}"

grep -v '^utt2-' "$tmp/nbest" >"$tmp/gone"
check_fails "no n-best list" 1 "utterance utt2: .*'utt2-1'" rescore "$model" "$enc" "ark:$tmp/gone" "ark:$tmp/scores" "ark,t:$tmp/some"
check_equal "the others are there" "$(cut -d ' ' -f 1 "$tmp/some")" $'utt1\nutt3\nutt4'
grep -v '^utt3-4 ' "$tmp/nbest" >"$tmp/gone"
check_fails "one entry missing" 1 "utterance utt3: .*'utt3-4'" rescore "$model" "$enc" "ark:$tmp/gone" "ark:$tmp/scores" ark,t:/dev/null
grep -v '^utt3-10 ' "$tmp/scores" >"$tmp/gonescores"
check_fails "one score missing" 1 "utterance utt3: .*'utt3-10'" rescore "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/gonescores" ark,t:/dev/null
copy-feats "$enc" ark,t:- 2>/dev/null | sed '/^utt4 /,$d' >"$tmp/enc3"
check_fails "no encoder output" 1 'utterance utt4: hypotheses in .*, but no encoder output' \
  rescore --threads=2 "$model" "ark:$tmp/enc3" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null
check "within --max-failures" rescore --max-failures=1 "$model" "ark:$tmp/enc3" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null
sed 's/^utt1-2 [0-9]*/utt1-2 99/' "$tmp/nbest" >"$tmp/alien"
check_fails "a token of another model" 1 'utterance utt1: .*: key .utt1. at byte [0-9]*: hypothesis 2 of the n-best list: token 99 is outside' \
  rescore "$model" "$enc" "ark:$tmp/alien" "ark:$tmp/scores" ark,t:/dev/null
sed 's/^utt1-2 .*/utt1-2  [ nan ]/' "$tmp/scores" >"$tmp/nanscores"
for bad in nan inf 1e30; do
  copy-feats --print-args=false "$enc" ark,t:- 2>/dev/null | awk -v bad="$bad" '/^utt1 / { on = 1 } on && !/utt/ { $1 = bad; on = 0 } { print }' >"$tmp/badenc"
  # A single huge value is normalised away; without that it must be named.
  if [ "$bad" = 1e30 ]; then want='hypothesis 1 .*NaN|logits hold NaN'; else want="encoder output: frame 0, dimension 0 is $bad"; fi
  check_fails "encoder output with $bad" 1 "utterance utt1: .*badenc: key .utt1. at byte [0-9]*: .*($want)" \
    rescore "$model" "ark:$tmp/badenc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/badhyp"
  check_equal "encoder output with $bad: no hypothesis" "$(grep -c '^utt1 ' "$tmp/badhyp")" 0
done
check_fails "a NaN score" 1 'utterance utt1: .*: key .utt1. at byte [0-9]*: hypothesis 2 .*NaN' rescore "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/nanscores" ark,t:/dev/null
check_fails "features in place of encoder outputs" 1 'utterance utt1: .*: key .utt1. at byte [0-9]*: the encoder output has 80 dimensions' \
  rescore "$model" "ark:$dir/feats.ark" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null

# A model whose right-to-left decoder has no blocks.
sed 's/"r_num_blocks": [0-9]*/"r_num_blocks": 0/' "$dir/config.json" >"$tmp/left.json"
check "import without right-to-left decoder" nnet-import --units="$dir/units.txt" "$tmp/left.json" "$weights" "$tmp/left.safetensors"
check_fails "falls back to the left-to-right decoder and says so" 0 'no right-to-left decoder in .*: reverse weight 0' \
  rescore --ctc-weight=0 "$tmp/left.safetensors" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/fallback"
check "with the same result as --reverse-weight=0" cmp "$tmp/l2r" "$tmp/fallback"
check_fails "but not against an explicit wish" 2 'reverse-weight=0.3: .* has no right-to-left decoder' \
  rescore --reverse-weight=0.3 "$tmp/left.safetensors" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null

check_fails "nor against a sweep" 2 'no right-to-left decoder; leave --sweep-reverse-weights out' \
  rescore --sweep-reverse-weights=0,0.3 "$tmp/left.safetensors" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/one.{reverse}"
rescore --components="ark,t:$tmp/again" "$tmp/left.safetensors" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null 2>/dev/null
check "components without right to left" cmp <(awk '{ print NF }' "$tmp/again" | sort -u) <(echo 5)

head -c 70000 "$model" >"$tmp/cut"
check_fails "a cut model" 1 'cut: .*was it copied completely' rescore "$tmp/cut" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark:$tmp/never"
check_fails "features as model" 1 'feats.ark: it does not begin with a safetensors header' \
  rescore "$dir/feats.ark" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark:$tmp/never"
head -c 3000 "$dir/enc_offline.ark" >"$tmp/cutenc"
check_fails "cut encoder outputs" 1 "cutenc: key 'utt[0-9]' .*truncated" \
  rescore "$model" "ark:$tmp/cutenc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark:$tmp/never"
check_fails "a full disk" 1 'cannot write /dev/full: No space left' \
  rescore "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark:/dev/full
closed_pipe() { (rescore "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark:-; echo $? >"$tmp/status") | true; return "$(cat "$tmp/status")"; }
check_fails "a closed pipe" 1 'cannot write -: Broken pipe' closed_pipe
check_equal "nothing under the final name" "$(find "$tmp" -name never -o -name '.*tmp-*')" ""
check_fails "reverse weight above 1" 2 'reverse-weight=2: must be from 0 to 1' \
  rescore --reverse-weight=2 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:-
check_fails "negative CTC weight" 2 'ctc-weight=-1' rescore --ctc-weight=-1 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:-
check_fails "too few arguments" 2 'argument' rescore "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores"
check "help" attention-rescore --help
