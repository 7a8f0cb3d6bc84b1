#!/usr/bin/env bash
# scale-bench and expert_sweep.py on small models: that they run to their end and print what they promise.
. "$(dirname "$0")/../support/cli.sh"
PATH=$root/utils:$PATH
export OPENBLAS_NUM_THREADS=1

bench=$BUILD/tests/bench/scale-bench
check "a small mixture" nnet-init --print-args=false --preset=moe-1b --num-blocks=2 --model-dim=40 --hidden-dim=32 \
  --decoder-blocks=1 --reverse-decoder-blocks=1 --vocab-size=20 "$tmp/moe.safetensors"
check "scale-bench" "$bench" --print-args=false --seconds=2 --rounds=1 --max-threads=2 --streams=3 --precision=int8 \
  --json="$tmp/bench.json" "$tmp/moe.safetensors"
check_equal "all modes on 1 and 2 threads, most experts used, no allocation on one thread" "$(python3 -c "
import json
d = json.load(open('$tmp/bench.json'))
print(sorted((r['mode'], r['threads']) for r in d['rows']) ==
      [(m, t) for m in ('chunks', 'streams', 'whole') for t in (1, 2)],
      all(r['rtf']['min'] > 0 and r['cpu_rtf']['min'] > 0 for r in d['rows']),
      all(r['distinct_experts'] > 5 for r in d['rows']), {r['system_allocations'] for r in d['rows'] if r['threads'] == 1},
      d['precision'], d['rescoring_rtf'] > 0, d['gflop'] > 0)")" "True True True {0} int8 True True"
check_fails "scale-bench without rounds" 2 'must be at least 1' "$bench" --print-args=false --rounds=0 "$tmp/moe.safetensors"
check_fails "bench_scale.py with a model it does not know" 2 'tiny is none of' bench_scale.py --models=tiny

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ] || ! command -v gnuplot >/dev/null; then
  skip "expert_sweep.py" "no golden models or no gnuplot"
  exit
fi
dir=$(dirname "$weights")
nnet-import --print-args=false --units="$dir/units.txt" "$dir/config.json" "$weights" "$tmp/model" 2>/dev/null
mkdir -p "$tmp/dump/set" "$tmp/data/set"
cp "$dir/units.txt" "$tmp/dump"
copy-feats --print-args=false "ark:$dir/feats.ark" "ark,scp:$tmp/dump/set/feats.ark,$tmp/dump/set/feats.scp" 2>/dev/null
# Errors are counted against what the plain model says, so the plain point has none.
ctc-decode --print-args=false --method=prefix-beam --nbest=10 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/n" "ark,t:$tmp/s" 2>/dev/null
nnet-forward --print-args=false "$tmp/model" "ark:$dir/feats.ark" ark:/dev/null "ark:$tmp/e" 2>/dev/null
attention-rescore --print-args=false "$tmp/model" "ark:$tmp/e" "ark,t:$tmp/n" "ark,t:$tmp/s" "ark,t:$tmp/t" 2>/dev/null
tokens-to-text --print-args=false "$dir/units.txt" "ark,t:$tmp/t" "ark,t:$tmp/data/set/text" 2>/dev/null
sweep() { expert_sweep.py --dump="$tmp/dump" --data="$tmp/data" --sets=set --rounds=1 --out="$tmp/sweep" "$@"; }
check "expert_sweep.py" sweep --variant=--skip-second-gate=0.5 --variant=--expert-budget=1 "plain=$tmp/model"
check_equal "points, their experts, and the marked one" "$(python3 -c "
import json
p = json.load(open('$tmp/sweep/sweep.json'))
print(len(p), p[0]['errors'], p[0]['experts_per_frame'], p[1]['experts_per_frame'], p[2]['distinct_per_chunk'],
      any(x['front'] for x in p))")" "3 0 2.0 1.0 1.0 True"
check_equal "a plot" "$(head -c 4 "$tmp/sweep/sweep.png" | tail -c 3)" PNG
check_fails "a model without a name" 2 'expected NAME=MODEL' sweep "$tmp/model"
