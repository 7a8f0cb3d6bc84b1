#!/usr/bin/env bash
# moe-calibrate, and what nnet-forward, moe-route-stats, attention-rescore, nnet-train and nnet-info do with
# fewer experts than the router chose.
. "$(dirname "$0")/../support/cli.sh"
export OPENBLAS_NUM_THREADS=1

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "moe-calibrate" "no golden models"
  exit
fi
dir=$(dirname "$weights")
import() { nnet-import --print-args=false --units="$1/units.txt" "$1/config.json" "$1/weights.safetensors" "$2"; }
check "import" import "$dir" "$tmp/moe"
check "import of a dense model" import "$(dirname "$(golden_path models/dense/weights.safetensors)")" "$tmp/dense"
feats=ark:$dir/feats.ark
ctc-decode --print-args=false --nbest=4 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/nbest" "ark,t:$tmp/scores" 2>/dev/null
ctc-decode --print-args=false "ark:$dir/ctc_offline.ark" "ark,t:$tmp/tokens" 2>/dev/null
calibrate() { moe-calibrate --print-args=false "$@"; }
forward() { nnet-forward --print-args=false "$@"; }
# Shares of rows with one expert only, experts per row and distinct experts per chunk, of all mixtures together.
shares() {
  moe-route-stats --print-args=false --json="$tmp/stats.json" "$@" >/dev/null 2>&1
  python3 -c "
import json
layers = json.load(open('$tmp/stats.json'))['layers']
mean = lambda key: sum(l[key] * l['rows'] for l in layers) / sum(l['rows'] for l in layers)
print(*('%.2f' % mean(k) for k in ('second_skipped', 'experts_per_row', 'exited')),
      max(l['distinct_experts_per_chunk'] for l in layers) <= 2)"
}

check "calibrates" calibrate --skip=0.5 "$tmp/moe" "$feats" "$tmp/half"
check_equal "a line for each mixture of the encoder and nothing else" \
  "$(grep -cE '^encoder.encoders.*  threshold 0\.[0-9]{4}  skipped +[0-9.]+ %  change +[0-9.]+ %  rows [0-9]+$' "$tmp/.check.out") $(wc -l <"$tmp/.check.out")" "6 6"
for criterion in change quantile gate; do
  calibrate --criterion=$criterion --skip=0.5 "$tmp/moe" "$feats" "$tmp/$criterion" >/dev/null 2>&1
  check_equal "criterion $criterion skips about half" "$(shares "$tmp/$criterion" "$feats" | awk '{ print ($1 > 0.42 && $1 < 0.58) }')" 1
done
check "the default is quantile" cmp "$tmp/half" "$tmp/quantile"
check_equal "nnet-info names it" "$(nnet-info --print-args=false "$tmp/half" | grep -c '^# experts: second experts skipped from first gates of: encoder 0\.[0-9]* to 0\.[0-9]*, decoders none / none$')" 1
check_equal "and the history" "$(nnet-info --print-args=false "$tmp/half" | grep -c '"tool":"moe-calibrate"')" 1
check_equal "a model as it was is plain" "$(nnet-info --print-args=false "$tmp/moe" | grep '^# experts')" "# experts: plain"
check "nnet-copy keeps it" nnet-copy --print-args=false "$tmp/half" "$tmp/copy"
check "byte for byte" cmp "$tmp/half" "$tmp/copy"
check "with tokens the decoders too" calibrate --skip=0.5 --tokens="ark:$tmp/tokens" "$tmp/moe" "$feats" "$tmp/all"
check_equal "and their thresholds" "$(grep -c '^decoder\.\(left\|right\)' "$tmp/.check.out")" \
  "$(nnet-info --print-args=false "$tmp/moe" | awk -F= '/^(reverse-)?decoder-blocks=/ { n += $2 } END { print n }')"
check "stores other limits too" calibrate --skip=0 --chunk-experts=3 --expert-budget=2 --exit-blank=0.9 "$tmp/moe" "$feats" "$tmp/limits"
check_equal "in the model" "$(nnet-info --print-args=false "$tmp/limits" | grep '^# experts')" \
  "# experts: 3 experts per chunk; a budget of 2 experts per chunk; exit from blank probabilities of 0.9 after 1 blocks"

check_fails "nnet-forward names what it does" 0 'experts second experts skipped' forward "$tmp/half" "$feats" "ark:$tmp/half.logp"
for plain in "--skip-second-gate=1.5" "--chunk-experts=0 --expert-budget=0 --exit-blank=2"; do
  # shellcheck disable=SC2086  # options
  forward $plain "$tmp/moe" "$feats" "ark:$tmp/plain.logp" 2>/dev/null
  forward "$tmp/moe" "$feats" "ark:$tmp/moe.logp" 2>/dev/null
  check "plain with $plain, to the bit" cmp "$tmp/plain.logp" "$tmp/moe.logp"
done
forward --skip-second-gate=2 "$tmp/half" "$feats" "ark:$tmp/plain.logp" 2>/dev/null
check "options go before what the model says" cmp "$tmp/plain.logp" "$tmp/moe.logp"
check_equal "the model's own skipping makes a difference" "$(cmp -s "$tmp/half.logp" "$tmp/moe.logp"; echo $?)" 1
policy=(--skip-second-gate=0.6 --chunk-experts=3 --expert-budget=2 --exit-blank=0.05 --exit-block=1)
forward "${policy[@]}" --chunk-size=4 "$tmp/moe" "$feats" "ark,t:$tmp/masked" 2>/dev/null
forward "${policy[@]}" --chunk-size=4 --streaming --streams=3 "$tmp/moe" "$feats" "ark,t:$tmp/streaming" 2>/dev/null
check "streaming equals masked" awk -v limit=2e-4 'NR == FNR { a[FNR] = $0; next }
  { n = split(a[FNR], x); if (n != NF) exit bad = 1
    for (i = 1; i <= NF; ++i) { d = $i - x[i]; if (d > limit || -d > limit) exit bad = 1 } }
  END { exit bad || FNR < 50 }' "$tmp/masked" "$tmp/streaming"
check_equal "top 1 where all second experts are skipped" "$(shares --skip-second-gate=0 "$tmp/moe" "$feats")" "1.00 1.00 0.00 False"
check_equal "top 1 where one expert works on a frame" "$(shares --experts-per-frame=1 "$tmp/moe" "$feats")" "1.00 1.00 0.00 False"
forward --experts-per-frame=2 "$tmp/moe" "$feats" "ark:$tmp/plain.logp" 2>/dev/null
check "all experts of a frame are the plain model" cmp "$tmp/plain.logp" "$tmp/moe.logp"
forward --experts-per-frame=1 "$tmp/moe" "$feats" "ark:$tmp/one.logp" 2>/dev/null
forward --skip-second-gate=0 "$tmp/moe" "$feats" "ark:$tmp/top1.logp" 2>/dev/null
check "one of them is what skips the second" cmp "$tmp/one.logp" "$tmp/top1.logp"
check_fails "more experts than the model was made with" 2 'experts-per-frame=3: the model was made with 2 experts for a frame' \
  forward --experts-per-frame=3 "$tmp/moe" "$feats" ark:/dev/null
check_equal "a budget holds" "$(shares --expert-budget=2 --chunk-size=4 "$tmp/moe" "$feats")" "0.00 2.00 0.00 True"
check_equal "experts per chunk hold" "$(shares --chunk-experts=2 --chunk-size=4 "$tmp/moe" "$feats")" "0.00 2.00 0.00 True"
for streaming in false true; do
  check "streaming=$streaming, limited" forward --streaming=$streaming --chunk-experts=2 "$tmp/moe" "$feats" "ark:$tmp/limited.logp"
  check "streaming=$streaming, not limited" forward --streaming=$streaming "$tmp/moe" "$feats" "ark:$tmp/all.logp"
  check "without chunks there is no limit" cmp "$tmp/limited.logp" "$tmp/all.logp"
done
check_equal "frames exit from the second of three blocks on" "$(shares --exit-blank=0 "$tmp/moe" "$feats")" "0.00 0.67 0.67 False"
rescore() { attention-rescore --print-args=false "$@" "$tmp/moe" "ark:$dir/enc_offline.ark" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/rescored" ark,t:- 2>/dev/null && cat "$tmp/rescored"; }
check_equal "rescoring without skipping" "$(rescore --skip-second-gate=1.5)" "$(rescore)"
check_equal "rescoring with top 1 scores otherwise" "$([ "$(rescore --skip-second-gate=0)" = "$(rescore)" ]; echo $?)" 1
check_equal "rescoring with one expert" "$(rescore --experts-per-frame=1)" "$(rescore --skip-second-gate=0)"

train() { nnet-train --print-args=false --epochs=1 --spec-augment=false --batch-size=2 "$@"; }
check "trains under a policy" train "${policy[@]}" "$tmp/moe" "$feats" "ark:$tmp/tokens" "$tmp/trained"
check_equal "which the model keeps" "$(nnet-info --print-args=false "$tmp/trained" | grep '^# experts')" \
  "# experts: second experts skipped from first gates of: encoder 0.6, decoders 0.6 / 0.6; 3 experts per chunk; a budget of 2 experts per chunk; exit from blank probabilities of 0.05 after 1 blocks"

head -c 3000 "$dir/feats.ark" >"$tmp/cut"
check_fails "a bad utterance" 1 'cut' calibrate "$tmp/moe" "ark:$tmp/cut" "$tmp/never"
check "leaves no model" test ! -e "$tmp/never"
check_fails "a dense model" 2 'has no mixture with a second expert' calibrate "$tmp/dense" "$feats" "$tmp/never"
check_fails "options of experts for a dense model" 2 'skip-second-gate=0.5: the model is dense' \
  forward --skip-second-gate=0.5 "$tmp/dense" "$feats" ark:/dev/null
check_fails "a share above 1" 2 'skip=1.5: must be from 0 to 1' calibrate --skip=1.5 "$tmp/moe" "$feats" "$tmp/never"
check_fails "an unknown criterion" 2 'criterion=best: expected change, quantile or gate' calibrate --criterion=best "$tmp/moe" "$feats" "$tmp/never"
check_fails "chunk size 0" 2 'chunk-size=0: must be at least 1' calibrate --chunk-size=0 "$tmp/moe" "$feats" "$tmp/never"
check_fails "a negative budget" 2 'expert-budget=-3: must be 0 or more' forward --expert-budget=-3 "$tmp/moe" "$feats" ark:/dev/null
check_fails "no block behind the exit" 2 'exit-block=9: the encoder has . blocks' \
  forward --exit-blank=0.5 --exit-block=9 "$tmp/moe" "$feats" ark:/dev/null
check_fails "one argument" 2 'Usage: moe-calibrate' calibrate "$tmp/moe"
check "help" calibrate --help
