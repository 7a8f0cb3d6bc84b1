#!/usr/bin/env bash
# scale-bench and bench_scale.py on small models: that they run to their end and print what they promise.
. "$(dirname "$0")/../support/cli.sh"
PATH=$root/utils:$root/tools/dev:$PATH
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
      [(m, t) for m in ('batch', 'chunks', 'streams', 'whole') for t in (1, 2)],
      all(r['rtf']['min'] > 0 and r['cpu_rtf']['min'] > 0 for r in d['rows']),
      all(r['distinct_experts'] > 5 for r in d['rows']), {r['system_allocations'] for r in d['rows'] if r['threads'] == 1},
      d['precision'], d['rescoring_rtf'] > 0, d['gflop'] > 0, d['batch_size'],
      d['copy_gigabytes'] > 0 and all(r['gigabytes_per_second'] > 0 for r in d['rows']))")" "True True True {0} int8 True True 30 True"
"$bench" --print-args=false --seconds=2 --rounds=1 --max-threads=1 --skip=1 --chunk-experts=2 --json="$tmp/few.json" \
  "$tmp/moe.safetensors" >/dev/null 2>&1
check_equal "with fewer experts" "$(python3 -c "
import json
d = json.load(open('$tmp/few.json'))
print([r['distinct_experts'] <= 2 for r in d['rows']], d['experts'].count('second experts skipped'), d['experts'].endswith('; 2 experts per chunk'))")" \
  "[False, False, True, False] 1 True" # whole utterances have no chunks; the chunks of streams choose differently
check_fails "scale-bench without rounds" 2 'must be at least 1' "$bench" --print-args=false --rounds=0 "$tmp/moe.safetensors"
check_fails "bench_scale.py with a model it does not know" 2 'tiny is none of' bench_scale.py --models=tiny
check_fails "bench_scale.py with a policy it does not know" 2 'fast9 is neither plain' bench_scale.py --policies=plain,fast9
