#!/usr/bin/env bash
# egs/moe-lab: what its files say, tables and claims out of made-up results, and two systems from data to JSON.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
if ! command -v python3 >/dev/null; then
  skip moe-lab "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
local=$root/egs/moe-lab/local
cd "$tmp" || exit 1
fake() { python3 "$root/tests/support/fake_lab.py" "$@"; }
report() { "$local/report.py" --results results "$@"; }

# The report.
check "made-up results" fake results polyglot "1 2 3" plain=0.2 dense=0.35 dense-wide=0.2 plain-balance=0.202 switch=0.3 dense-active=0.2
check "others, of one seed" fake results debian 1 plain=0.5 dense=0.5
printf '# Mine\n\nkept\n<!-- begin claims -->\nold\n<!-- end claims -->\n<!-- begin other -->\nkept too\n<!-- end other -->\nend\n' >doc.md
check "a document" report doc.md
check_equal "what is not generated stays" "$(grep -cxE '# Mine|kept|kept too|end' doc.md)" 4
check_equal "what was there goes" "$(grep -c '^old$' doc.md)" 0
check "a clear difference is told" grep -Eq 'plain better than dense: test, whole \| -1[0-9.]+ .* fewer errors \| supports \|' doc.md
check_equal "one seed tells nothing" "$(grep -E '\| debian \| plain better than dense' doc.md | grep -vc 'cannot tell')" 0
check_equal "speed" "$(grep -c 'CPU time of plain to dense, whole | 1.10 times | supports' doc.md)" 2
check_equal "what was not trained" "$(grep -c 'plain, speech-moe | - | cannot tell: not both were trained' doc.md)" 2
cp doc.md first.md
check "once more" report doc.md
check "gives the same bytes" cmp doc.md first.md
check "which can be checked" report --check true doc.md
sed -i 's/supports/proves/' doc.md
check_fails "a document that is not what the results say" 1 'doc.md is not what results says' report --check true doc.md
report --print true all.md >all.txt
check "all parts, printed" cmp all.md all.txt
check_equal "all of them" "$(grep -c '^## ' all.md)" 10
check "tables of the laboratory" grep -Eq '^\| `switch` \| 3 \| \+[0-9.]+ \[.*more errors' all.md
check "equal systems are no different" grep -Eq '^\| `plain-balance` \| 3 \| [-+][0-9.]+ \[.*no difference' all.md
check "experts by language" grep -q '^| de | 50 | 25 | 25 | 0 |$' all.md
check "the power curve" grep -q 'is found with probability 0.8' all.md
printf 'x\n%24s visited\nrouter switch           ok\ncapacity                -\n[==========]\nrouter x\n' '' >battery.log
check "the table of the battery" report --battery battery.log --print true all.md
check_equal "is in it, to its last row" "$(grep -A2 '^    router switch           ok$' all.md | tr -d '\n')" '    router switch           ok    capacity                -'
check_fails "a log without one" 1 'no table of battery-test' report --battery first.md --print true all.md
printf '<!-- begin claims -->\n' >open.md
check_fails "a part without an end" 1 'open.md: claims does not end' report open.md
mv results/polyglot/plain-3.json results/polyglot/plain-4.json
check_fails "a result under another name" 1 'plain-4.json is the result of plain, seed 3, of polyglot' report doc.md
mv results/polyglot/plain-4.json results/polyglot/plain-3.json
sed -i 's/"120 0123456789ab"/"120 aaaaaaaaaaaa"/' results/polyglot/plain-3.json
check_fails "seeds on other utterances" 1 'plain: seeds were tested on different utterances of test' report doc.md
echo '{}' >results/polyglot/plain-3.json
check_fails "what is no result" 1 'plain-3.json is not a result of the laboratory' report doc.md
check "the document of this repository is what its results say" "$local/report.py" --results "$root/docs/results" --check true \
  "$root/docs/moe-lab.md"

# What the files of systems and tasks say.
check "systems: sections, sizes, recipes" python3 - "$local" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import lab, os, shutil
from u2moe_script import Error
for name in lab.system_names():
    s = lab.System(name)
    assert s.start == '' or s.start in lab.system_names()
    assert s.model_of == '' or s.model_of in lab.system_names()
def data(place):
    for s in ('train', 'dev', 'test_clean', 'test_noisy'):
        os.makedirs(f'{place}/data/{s}')
        for f in ('text', 'utt2dur', 'utt2lang'):
            open(f'{place}/data/{s}/{f}', 'w').write(f'u {s}\n')
    for d in ('conf', 'dump/train', 'dump/dev'):
        os.makedirs(f'{place}/{d}')
    for f in ('conf/fbank.conf', 'dump/units.txt', 'dump/train/tokens', 'dump/dev/tokens'):
        open(f'{place}/{f}', 'w').write('num-mel-bins=17\n')
data('here'), data('somewhere/else')
one, other = (lab.Task('polyglot', d) for d in ('here', 'somewhere/else'))
wide = lab.System('dense-wide').model_options(one)
assert wide['hidden-dim'] == str(8 * int(one.model['hidden-dim'])) and wide['feature-dim'] == '17', wide
assert lab.System('rmoe').model_options(one)['router-dim'] == str(int(one.model['model-dim']) // 4)
open('here/data/train/utt2lang', 'a').write('v x\nw x\n')
assert [lab.factors(n) for n in (1, 7, 128, 64, 192)] == ['1x1x1', '1x7x1', '4x8x4', '4x4x4', '4x8x6'], lab.factors(192)
assert lab.System('mpo').model_options(one)['mpo-shape'] == '4x4x4/2x4x2'
pools = lab.System('tag-pools').model_options(one)
assert (pools['layers'] == 'all:router=tag-pools,router-pools=2,num-experts=4'), pools
def hashed(task, system='plain', rate=('0.003', '300'), epochs=9):
    return lab.hash_of(lab.System(system).recipe(task, rate, epochs))
assert hashed(one) == hashed(other)  # places are no part of it
assert len({hashed(one), hashed(one, 'switch'), hashed(one, rate=('0.002', '300')), hashed(one, epochs=8),
            hashed(lab.Task('polyglot', 'here', True)), hashed(one, 'upcycled'), hashed(one, 'elastic'), hashed(one, 'elastic-1')}) == 8
open('here/data/dev/text', 'a').write('v more\n')
assert hashed(one) != hashed(other)
assert lab.System('capacity').chunks(one) == ['-1'] and lab.System('plain').chunks(one) == one.chunks
os.makedirs('odd')
def refused(text, why, kind=lab.System):
    open('odd/x.conf', 'w').write(text)
    try:
        kind('x', folder='odd') if kind is lab.System else kind('x', '', folder='odd')
    except Error as e:
        assert why in str(e), e
    else:
        raise AssertionError(text)
about = '[about]\nwhat=a\nsource=b\ncompares=active\n'
refused('a=b\n', 'a section such as [model] must come first')
refused('[modle]\n', 'no section [modle]')
refused('[model]\na\n', '"a" is not key=value')
refused('[model]\na=1\na=2\n', 'x.conf:3: a stands twice')
refused('[model]\n[model]\n', 'a second section')
refused('[about]\nwhat=a\n', '[about] lacks something')
refused(about.replace('active', 'size'), 'compares=size')
refused(about + 'from=dense\n', 'go together')
refused(about + 'model-of=plain\n[model]\na=b\n', 'nothing is built')
refused(about + '[phases]\n--route-teacher={from}\n', 'is the model of from=')
refused(about + 'model-of=plain\n[phases]\n--epochs=1\n', 'nothing is built')
refused('[task]\nsets=a\n', '[task] lacks something', lab.Task)
PY
check "phases: each begins with the last, and what is done is not done again" python3 - "$local" <<'PY'
import json, os, sys
sys.path.insert(0, sys.argv[1])
import lab, run_system
lab.Task.data_hash = lambda self: 'x'
calls, late = [], []
def command(args, log, cwd, stdout=None, until=0):
    out, folder = args[-1], next((a[10:] for a in args if a.startswith('--exp-dir=')), '')
    calls.append((args[0], out.replace(task.dir + '/exp/', ''), args))
    if folder:
        if late and out.endswith(late[0]):
            raise run_system.Late()
        row = dict(wall_seconds=1, dev_seconds=1, cpu_seconds=2, frames=10, dev_loss=3)
        open(f'{folder}/log.jsonl', 'w').write(json.dumps(row) + '\n')
    open(out, 'w').close()
    return 1, 2
run_system.command = command
os.makedirs('phases/conf')
open('phases/conf/fbank.conf', 'w').close()
task = lab.Task('polyglot', os.path.realpath('phases'))
runner, system, rate = run_system.Runner(task, 'none', 0), lab.System('read-me'), ('0.003', '300')
runner.choose_rate = lambda system: rate
exp = runner.folder(system, 1)
late.append('phase-4/final.safetensors')
try:
    runner.train(system, 1, exp, rate, 9)
except run_system.Late:
    pass
late.clear()
assert [c[1] for c in calls][-1] == 'read-me/1/phase-4/final.safetensors', calls
told = runner.train(system, 1, exp, rate, 9)
trained = [c for c in calls if c[0] == 'nnet-train' and c[1].startswith('read-me/')]
made = [c[1][10:] for c in trained]
phases = [f'phase-{n}/final.safetensors' for n in range(1, 6)]
assert made == phases[:4] + phases[3:] + ['final.safetensors'], made
dense = runner.folder(lab.System('dense-wide'), 1) + '/final.safetensors'
begin = 'init.safetensors'
for n, (_, out, args) in enumerate(trained):
    assert args[-4] == f'{exp}/{begin}', (args, begin)
    taught = out[10:] in phases[::2]
    assert (f'--route-teacher={dense}' in args) == taught and ('--freeze=router' in args) == (out[10:] in phases[1::2]), args
    begin = out[10:] if n != 3 else begin  # the one that time ended
assert [c[1] for c in calls].count('dense-wide/1/final.safetensors') == 1
assert told['epochs'] == 1 and told['seconds'] == 12 and told['cpu_seconds'] == 12, told
n = len(calls)
runner.train(system, 1, exp, rate, 9)
assert len(calls) == n
runner.train(system, 1, exp, ('0.001', '300'), 9)  # another recipe
assert [c[1][10:] for c in calls[n:] if c[0] == 'nnet-train' and c[1].startswith('read-me/')] == phases + ['final.safetensors'], calls[n:]
PY
check "time that is over ends a training, and no other" python3 - "$local" <<'PY'
import sys, time
sys.path.insert(0, sys.argv[1])
import run_system
begin = time.time()
try:
    run_system.command(['sleep', '100'], 'late.log', '.', until=begin + .3)
except run_system.Late:
    assert .3 <= time.time() - begin < 50
else:
    raise AssertionError('not late')
assert run_system.command(['sleep', '.2'], 'late.log', '.', until=begin + 1000)[0] >= .2
try:
    run_system.command(['false'], 'late.log', '.', until=begin + 1000)
except run_system.Error as e:
    assert 'false ended with 1' in str(e), e
else:
    raise AssertionError('no error')
PY
run=$root/egs/moe-lab/run.sh
PATH=$root/utils:$PATH
check_fails "a system that is not there" 2 "there is no systems/plian.conf" "$run" --systems "dense plian"
check_fails "a task that is not there" 2 "there is no tasks/x.conf" "$run" --tasks x
check_fails "seeds that are kept for dev" 2 "those from 900 on are for choices made on dev" "$run" --seeds "1 900"
check_fails "hours" 2 "hours is a number, not 'two'" "$run" --hours two
check_fails "jobs" 2 "jobs is a number above 0" "$run" --jobs 0

# From nothing to results.
for c in espeak-ng sox parallel; do
  if ! command -v $c >/dev/null; then
    skip "two systems from data to JSON" "no $c"
    exit 0
  fi
done
clone=$(make_clone)
lab() { "$clone/egs/moe-lab/run.sh" --cut true --out "$tmp/out here" "$@"; }
sed 's/^router=.*/router=of-tomorrow/; s/^\[about\]/&\nnew=true/' "$root/egs/moe-lab/systems/switch.conf" >"$clone/egs/moe-lab/systems/tomorrow.conf"
check "two systems, and one that this build does not know" lab --systems "tomorrow plain dense"
cp "$tmp/.check.err" err1
check "it is left out" grep -q 'tomorrow is left out: this build does not know it: nnet-init: .*of-tomorrow' err1
check_equal "results" "$(cd "$tmp/out here/results-cut/polyglot" && echo *)" "dense-1.json plain-1.json"
check "tables" grep -q '^| `plain` | 0.[0-9]* |' "$tmp/out here/moe-lab-cut.md"
check "what a result holds" python3 - "$tmp/out here/results-cut/polyglot/plain-1.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
for name in ('test_clean', 'test_noisy'):
    s = r['results'][name]
    words = list(map(int, s['words_by_utterance'].split()))
    assert s['utterances'].split()[0] == str(len(words)) == '12'
    assert sorted(s['chunks']) == ['-1', '16']
    for modes in s['chunks'].values():
        for m in modes.values():
            errors = list(map(int, m['errors_by_utterance'].split()))
            assert sum(errors) == m['errors'] and sum(words) == m['words'] and len(errors) == 12
t = r['training']
assert t['epochs'] == len(t['dev_loss']) == 2 and t['learning_rate'] == 0.003 and t['peak_memory_mb'] > 1
assert r['quiet_speed']['16']['cpu'] > 0 and not t['rate_at_edge'] and r['routing']['-1']['dropped'] == 0
assert r['speed']['16']['encoder']['cpu'] > 0 and r['routing']['16']['distinct_experts_per_chunk'] >= 2
assert set(r['routing']['-1']['tells']) == {'lang', 'spk', 'unit', 'position'}
assert r['parameters']['total'] > r['parameters']['active_per_frame'] > 0
PY
before=$(cat "$tmp/out here/results-cut/polyglot/"*.json | md5sum)
check "once more" lab --systems "plain dense" --stage 3
check_equal "what is there is not done again" "$(grep -l 'is there$' "$tmp/out here/polyglot-cut/exp/"*/log/run.1.log | wc -l)" 2
check_equal "and stays" "$(cat "$tmp/out here/results-cut/polyglot/"*.json | md5sum)" "$before"
rm "$tmp/out here/results-cut/polyglot/plain-1.json"
check "a result that is lost" lab --systems plain --stage 3 --stop-stage 3
check "is made of the same training" python3 - "$tmp/out here/results-cut/polyglot/plain-1.json" <<'PY'
import json, sys
assert json.load(open(sys.argv[1]))['training']['epochs'] == 2
PY
sed -i 's/^new=true$/streams=true/' "$clone/egs/moe-lab/systems/tomorrow.conf"
check_fails "a system that it should know" 1 'unknown router .of-tomorrow|router=of-tomorrow' lab --systems tomorrow --stage 3
printf '[decode]\n--no-such=1\n' | cat "$root/egs/moe-lab/systems/dense.conf" - >"$clone/egs/moe-lab/systems/broken.conf"
rm "$tmp/out here/results-cut/polyglot/dense-1.json"
check_fails "a system that fails" 1 'some of the above failed; what did not is kept' lab --systems "broken dense" --stage 3
check_equal "does not keep others from their results" "$(cd "$tmp/out here/results-cut/polyglot" && echo *)" "dense-1.json plain-1.json"
check "a search for an effect" lab --find-effect true --stage 2
cp "$tmp/.check.out" out2
check "tells what could have been seen, or an effect" grep -qE 'No effect was found|An effect: ' out2
check "on dev alone, with its own seeds" python3 - "$tmp/out here/results-cut/polyglot/effect.json" <<'PY'
import json, sys
e = json.load(open(sys.argv[1]))
assert e['complete'] and min(e['seeds']) > 900 and [t['hidden'] for t in e['tried']] == [[8, 64], [4, 32]], e
PY

check "once more" lab --find-effect true --stage 2
check_equal "what was tried is kept" "$(cat "$tmp/.check.out")" "$(cat out2)"

# A grid of rates, of which one leads nowhere.
sed -i 's/^rates=.*/rates=0.0001:5 0.01:5 1e9:0/' "$clone/egs/moe-lab/tasks/polyglot.cut.conf"
check "a choice of rates" lab --systems dense --stage 2 --stop-stage 2
check "is by the lowest dev loss" python3 - "$tmp/out here/results-cut/polyglot/dense-rate.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
losses = {tuple(t['rate']): t['dev_loss'] for t in r['tried']}
assert len(losses) == 3 and losses['1e9', '0'] is None, losses
assert r['chosen'] == ['0.01', '5'] and losses['0.01', '5'] < losses['0.0001', '5'], r
PY
before=$(stat -c %y "$tmp/out here/results-cut/polyglot/dense-rate.json")
check "once more" lab --systems dense --stage 2 --stop-stage 2
check_equal "nothing is tried again" "$(stat -c %y "$tmp/out here/results-cut/polyglot/dense-rate.json")" "$before"
