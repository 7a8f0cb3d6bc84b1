#!/usr/bin/env bash
# egs/moe-lab --cut true: every system is made, trained, decoded, scored and told of.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
for c in python3 espeak-ng sox parallel; do
  if ! command -v $c >/dev/null; then
    skip "all systems of the laboratory" "no $c"
    exit 0
  fi
done
export PYTHONDONTWRITEBYTECODE=1
cd "$tmp" || exit 1
clone=$(make_clone)
results=$tmp/out/results-cut/polyglot
check "all systems" "$clone/egs/moe-lab/run.sh" --cut true --out "$tmp/out"
cp .check.err log
check_equal "none is left out" "$(grep -c 'left out' log)" 0
check_equal "each has a result" "$(cd "$results" && printf '%s\n' *-1.json | sed 's/-1\.json$//' | LC_ALL=C sort)" \
  "$(cd "$root/egs/moe-lab/systems" && printf '%s\n' *.conf | sed 's/\.conf$//' | LC_ALL=C sort)"
check "what its description says" python3 - "$root/egs/moe-lab/local" "$results" <<'PY'
import json, sys
sys.path.insert(0, sys.argv[1])
import lab
results = {s: json.load(open(f'{sys.argv[2]}/{s}-1.json')) for s in lab.system_names()}
plain = results['plain']['parameters']
for name, r in results.items():
    system = lab.System(name)
    assert r['training']['epochs'] == 2 and all(x is not None for x in r['training']['dev_loss']), (name, r['training'])
    assert sorted(r['results']['test_clean']['chunks']) == (['-1', '16'] if system.streams else ['-1']), name
    assert bool(r['routing']) == (not name.startswith('dense')), name
    for stats in r['routing'].values():
        assert set(stats['tells']) == {'lang', 'spk', 'unit', 'position'} and 0 < stats['experts_per_row'] <= 8, (name, stats)
    # Of equal cost: what a frame uses; routers and biases of experts come on top. top-p counts with the most that it takes.
    active = r['parameters']['active_per_frame'] / plain['active_per_frame']
    if system.compares == 'active' and name not in ('speech-moe', 'top-p'):
        assert .85 < active < 1.3, (name, active)
total = {name: r['parameters']['total'] for name, r in results.items()}
assert abs(total['dense-wide'] / total['plain'] - 1) < .05 and total['upcycled'] == total['plain'], total
assert total['pruned'] < total['plain'] and total['mpo'] < total['plain'] and total['tag-pools'] < total['plain']
assert results['elastic']['parameters'] == results['elastic-1']['parameters']
one = results['elastic-1']['routing']['-1']
assert one['experts_per_row'] == 1 and results['elastic']['routing']['-1']['experts_per_row'] == 2, one
decided = results['read-me']['routing']['-1']  # once for all layers, unless one expert has all frames
assert decided['agreement'] == 1 or all(x['max_load'] > 1.99 for x in decided['layers']), decided
even = [x for x in results['expert-choice']['routing']['-1']['layers'] if x['name'].startswith('encoder.')]
assert even and all(x['max_load'] < 1.1 for x in even), even
PY
check "a second call has nothing to do" "$clone/egs/moe-lab/run.sh" --cut true --out "$tmp/out" --stage 3 --stop-stage 4
check_equal "but say so" "$(cat "$tmp/out/polyglot-cut/exp/"*/log/run.1.log | grep -c 'is there$')" \
  "$(printf '%s\n' "$results/"*-1.json | wc -l)"
