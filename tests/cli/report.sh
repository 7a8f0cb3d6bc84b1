#!/usr/bin/env bash
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip report "no python3"
  exit 0
fi
fake=$root/tests/support/fake_experiment.py
export PYTHONDONTWRITEBYTECODE=1
report() { # <folder> <seeds>
  (cd "$1" && "$root/utils/report.py" --title made-up --models "moe dense" --seeds "$2" --sets test \
    --chunks "-1 16" "${@:3}")
}
have_gnuplot=false
command -v gnuplot > /dev/null && have_gnuplot=true
if ! $have_gnuplot; then
  skip report "no gnuplot"
  exit 0
fi

python3 "$fake" "$tmp/a" "1 2 3" 0.2 0.1
check "report of three seeds" report "$tmp/a" "1 2 3"
out=$tmp/a/exp/report
check "the plot is a PNG" bash -c 'head -c 4 "$0" | grep -q PNG' "$out/wer-vs-rtf.png"
check "a large difference is one" grep -Eq 'rescoring: fewer errors than dense' "$out/report.txt"
check "conditions stand by the speed" grep -Eq 'Some Processor; Highway AVX2.*1 thread a process.*float32' "$out/report.txt"
check "expert shares" grep -Eq '25.0 50.0 25.0  0.0' "$out/report.txt"
query() { python3 -c "import json, sys; r = json.load(open(sys.argv[1])); print($1)" "$out/report.json"; }
check_equal "models in order of active parameters" "$(query "' '.join(r['models'])")" "dense moe"
check_equal "real-time factor from seconds" "$(query "r['models']['moe']['speed']['16']['encoder']['wall']")" 0.01
check_equal "search time over the encoder's audio" \
  "$(query "r['models']['moe']['speed']['16']['greedy']['wall']")" 0.001
check_equal "differences: 1 model, 2 chunks, 3 modes" "$(query "len(r['differences'])")" 6

python3 "$fake" "$tmp/b" 1 0.2 0.2
check "report of one seed" report "$tmp/b" 1
check "what one seed can show is said" grep -q 'One seed each' "$tmp/b/exp/report/report.txt"
check "equal models show no difference" grep -q 'rescoring: no difference' "$tmp/b/exp/report/report.txt"
rm "$tmp/b/exp/moe/1/decode/test/16/prefix.wer.per_utt"
check_fails "a missing result is named" 1 'moe/1/decode/test/16/prefix.wer.per_utt is missing' \
  report "$tmp/b" 1
check_fails "a missing seed is named" 1 'dense/2/log.jsonl is missing|moe/2/log.jsonl is missing' \
  report "$tmp/b" "1 2"

check_fails "missing data are named" 1 'error: none/test/text is missing' report "$tmp/a" "1 2 3" --data none

# Student's t and the interval over seeds, by hand: WERs 10, 12, 14 on one test set without spread
# between utterances: 12 +- t(2) * 2 / sqrt(3).
python3 - "$root/utils" > "$tmp/interval" << 'EOF'
import sys
sys.path.insert(0, sys.argv[1])
import intervals as iv
result = [{f'u{i}': (e, 100) for i in range(50)} for e in (10, 12, 14)]
r = iv.summarise(result, iv.Bootstrap(result[0]))
print(f"{iv.t_quantile(1):.3f} {iv.t_quantile(2):.3f} {iv.t_quantile(10.5):.3f} {iv.t_quantile(1e9):.3f}")
print(f"{r['wer']:.2f} {r['low']:.2f} {r['high']:.2f} {r['spread']:.2f}")
same = iv.difference(result, result, iv.Bootstrap(result[0]))
print(same['difference'], same['real'])
EOF
check_equal "Student's t" "$(sed -n 1p "$tmp/interval")" "12.706 4.303 2.214 1.960"
check_equal "interval over seeds" "$(sed -n 2p "$tmp/interval")" "12.00 7.03 16.97 2.00"
check_equal "a model does not differ from itself" "$(sed -n 3p "$tmp/interval")" "0.0 False"

# Beside the reference: dense has two seeds there, 1.0 and 2.0; ours has 1.6 +- 0.2.
python3 - "$tmp" << 'EOF'
import json
import sys
keys = [('test_clean', 'rescoring', 'attention_rescoring_r0.3'), ('test_clean', 'greedy', 'ctc_greedy_search'),
        ('test_noisy', 'rescoring', 'attention_rescoring_r0.3')]
def results(x):
    return [dict(test=t, mode=m, chunk=c, wer=x, cer_letters=x) for t, _, m in keys for c in (16, -1)]
reference = dict(models=dict(dense=dict(results=results(1.0), bench=dict(train_frames_per_cpu_s=1000))),
                 seed_check=[dict(model='dense', results=results(2.0)), dict(model='moe', results=results(9.0))])
def rows(x):
    return [dict(set=t, mode=m, chunk=c, unit=u, wer=x, low=x - 0.2, high=x + 0.2, seeds=[x]) for t, m, _ in keys
            for c in ('-1', '16') for u in ('wer', 'cer')]
json.dump(reference, open(f'{sys.argv[1]}/results.json', 'w'))
for name, x in ('good', 1.6), ('bad', 1.8):
    json.dump(dict(models=dict(dense=dict(results=rows(x), training={'1': dict(frames=3000, cpu_seconds=2)}))),
              open(f'{sys.argv[1]}/{name}.json', 'w'))
EOF
compare() { "$root/egs/fsdd/local/compare_reference.py" "$tmp/results.json" "$tmp/$1.json"; }
compare good > "$tmp/good" || true
check "reference: mean over its seeds" grep -Eq \
  '^  clean rescoring WER +dense +1.50  \(1.00 2.00\) +1.60 +\[1.40, 1.80\] +\(1.60\) +no worse$' "$tmp/good"
check "reference: training speed" grep -q '1,000     1,500  1.50 times the reference' "$tmp/good"
check "reference: outside the interval" bash -c '"$@" | grep -q "WORSE$"' _ \
  "$root/egs/fsdd/local/compare_reference.py" "$tmp/results.json" "$tmp/bad.json"
check_fails "reference: a missing report" 1 'nothing.json' compare nothing
