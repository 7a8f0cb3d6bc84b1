#!/usr/bin/env bash
# make-report: the text, the page and what it is made of. Every figure of the page is that of the text, of compute-wer, of
# rtf-report and of --stats; nothing of the data gets out of its place; whatever is missing, the rest is there.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip make-report "no python3"
  exit 0
fi
fake=$root/tests/support/fake_experiment.py
export PYTHONDONTWRITEBYTECODE=1
PATH=$root/utils:$PATH
cd "$tmp" || exit 1
report() { # <folder> <seeds>
  (cd "$1" && make-report --title made-up --seeds "$2" --sets test --chunks "-1 16" --out exp/report exp/moe exp/dense "${@:3}")
}
# Looks at a page: whole, nothing from outside, no text of a plot on another, and the figures of report.txt beside it.
looks() { # <folder> [<Python that must be true of p, the page>]
  PYTHONPATH=$root/tests/support python3 - "$1" "${2:-True}" << 'EOF'
import sys
import page_check
p = page_check.Page(sys.argv[1] + '/report.html')
wrong = p.faults + p.overlaps() + page_check.differences(p, sys.argv[1] + '/report.txt')
wrong += [f'an element {t}' for t in {'script', 'img', 'iframe', 'link', 'object', 'b', 'form'} & p.tags]
wrong += ['a plot without title and desc' for told in p.told if told[:2] != ['title', 'desc']]
if not eval(sys.argv[2]):
    wrong.append(f'not so: {sys.argv[2]}')
print('\n'.join(map(str, wrong)), file=sys.stderr)
sys.exit(bool(wrong))
EOF
}
wer_of_test="Word error rate, %: test, 100 utterances, 500 words, 4.2 min"

python3 "$fake" a "1 2 3" 0.2 0.1
check "report of three seeds" report a "1 2 3"
out=a/exp/report
check "a large difference is one" grep -Eq 'rescoring: fewer errors than dense' $out/report.txt
check "conditions stand by the speed" grep -Eq 'Some Processor; Highway AVX2.*1 thread a process.*float32' $out/report.txt
check "expert shares" grep -Eq '25.0 50.0 25.0  0.0' $out/report.txt
query() { python3 -c "import json, sys; r = json.load(open(sys.argv[1])); print($1)" $out/report.json; }
check_equal "models in order of active parameters" "$(query "' '.join(r['models'])")" "dense moe"
check_equal "real-time factor from seconds" "$(query "r['models']['moe']['speed']['16']['encoder']['wall']")" 0.01
check_equal "search time over the encoder's audio" \
  "$(query "r['models']['moe']['speed']['16']['greedy']['wall']")" 0.001
check_equal "differences: 1 model, 2 chunks, 3 modes" "$(query "len(r['differences'])")" 6
check "the page of three seeds" looks $out "'*' in p.tables['$wer_of_test'][1][2]"
check "has all parts" looks $out 'all(f">{t}</h2>" in p.source for t in ("In short", "Models", "Word errors", "Errors against time",
  "Kinds of errors", "By label", "Speed", "Learning", "Experts", "Confusions", "Worst utterances"))'
check "learning curves by name, and load" looks $out 'all(t in p.source for t in (">loss, all terms<", ">CTC loss<", ">least load of an expert"))'
check "heat maps by layer and label" looks $out '">By lang (2), a mixture each.<" in p.source and p.source.count("Load of") > 1'
check "confusions" looks $out '" → " in p.tables["test: words taken for others, how often"][1][0]'
check "coloured alignments" looks $out '"<span class=\"pair S\">" in p.source'
check "the plot as a file of its own" python3 -c '
import sys, xml.etree.ElementTree as e
assert e.parse(sys.argv[1]).getroot().tag == "{http://www.w3.org/2000/svg}svg"' $out/wer-vs-rtf.svg
cp -r $out first
check "once more" report a "1 2 3"
check "gives the same bytes" diff -r first $out

python3 "$fake" b 1 0.2 0.2
check "report of one seed" report b 1
check "what one seed can show is said" grep -q 'One seed each' b/exp/report/report.txt
check "equal models show no difference" grep -q 'rescoring: no difference' b/exp/report/report.txt
check "its page" looks b/exp/report
check_equal "the interval of one seed is compute-wer's" \
  "$(grep -Em 1 -o 'full, CTC greedy +.*' b/exp/report/report.txt | awk '{ print $4, $5, $6 }')" "$(python3 -c '
import json
d = json.load(open("b/exp/dense/1/decode/test/-1/greedy.wer.json"))
print("%.2f [%.1f, %.1f]" % (d["errors"] / 5, *d["interval95"]))')"

# What is missing is left out, if it was not asked for.
cp -r b c
rm c/exp/moe/1/decode/test/16/prefix.wer.per_utt
check_fails "a missing result is named" 1 'moe/1/decode/test/16/prefix.wer.per_utt is missing' report c 1
check_fails "a missing seed is named" 1 '(dense|moe) has no training with seed 2' report c "1 2"
check "without it" make-report --out c/report c/exp
check "a hole in the tables" looks c/report "p.tables['$wer_of_test'][5][2].strip() == '–'"
sed -i 's/"dev_[a-z]*": [0-9.]*, //g' b/exp/*/1/log.jsonl
sed -i 's/"wall_seconds"/"dev_seconds": 1, "wall_seconds"/' b/exp/*/1/log.jsonl
missing() { # <name> <what> <Python>
  rm -rf c
  cp -r b c
  (cd c && eval "rm -r $2")
  check "without $1" make-report --out c/report c/exp
  check "the page without $1" looks c/report "$3"
}
missing "dev" 'data/test/text' 'p.tables["Models (means over seeds)"][1][7] == "–"'
missing "a mixture" exp/moe 'len(p.tables["Models (means over seeds)"]) == 2'
missing "routing" exp/moe/1/routing.json '">Experts<" not in p.source'
missing "logs" 'exp/*/1/log.jsonl' '">Learning<" not in p.source'
missing "times" 'exp/*/1/decode/test/*/{forward,greedy,prefix,rescoring}.json' '">Speed<" not in p.source'
missing "data directories" 'data dump' '">By label<" not in p.source'
missing "info.json" 'exp/*/1/info.json' 'p.tables["Models (means over seeds)"][1][1] == "–"'
missing "letters" 'exp/*/1/decode/test/*/*.cer.*' '"character error rate" not in p.source'
missing "all but one search" 'exp/*/1/decode/test/*/{prefix,rescoring}.*' '"CTC greedy" in p.source'
check "a training alone" make-report --out one b/exp/moe/1
check "its page" looks one '"makes " in p.source and p.told'
many=()
for i in 1 2 3 4 5; do
  python3 "$fake" "x$i" 1 "0.1$i" "0.0$i"
  many+=("a rather long name of model $i=x$i/exp/moe" "another name of model $i=x$i/exp/dense")
done
check "ten experiments" make-report --out ten "${many[@]}"
check "the page of ten" looks ten 'len(p.tables["Models (means over seeds)"]) == 11'
check "with Holm's correction" grep -q "Holm's correction for 9 comparisons" ten/report.txt

# Whatever an utterance is called or whatever is said stays text.
cp -r a h
python3 - h << 'EOF'
import glob, sys
key, word = '</td><script>alert("1")</script>', "\"'><b>&amp;\u202e"
for path in glob.glob(sys.argv[1] + '/exp/*/*/decode/*/*/*.per_utt') + glob.glob(sys.argv[1] + '/data/test/*'):
    text = open(path, encoding='utf-8').read()
    text = text.replace('s-007 ', key.replace(' ', '') + ' ').replace('five', word).replace('fiv', word[:-1]).replace(' en\n', ' <b>en\n')
    open(path, 'w', encoding='utf-8').write(text)
EOF
check "hostile keys and words" make-report --title '<script>x</script>' --out hostile '"><b>=h/exp/moe' h/exp/dense
check "are told, not done" looks hostile '"\u202e" not in p.source and "&gt;&lt;b&gt;&amp;amp;" in p.source and "<script" not in p.source'

# The figures of compute-wer, rtf-report and --stats, for a page of what the tools themselves wrote.
if command -v compute-wer > /dev/null && command -v compute-fbank-feats > /dev/null; then
  python3 - << 'EOF'
import random, wave
random.seed(5)
words = 'ein zwei drei vier fünf sechs'.split()
with open('ref', 'w') as r, open('hyp', 'w') as h, open('wav.scp', 'w') as s:
    for i in range(40):
        said = random.choices(words, k=random.randint(1, 9))
        heard = [random.choice(words) if random.random() < 0.2 else w for w in said if random.random() > 0.1] + ['ein'] * (i % 7 == 0)
        print(f'u{i:02}', *said, file=r)
        print(f'u{i:02}', *heard, file=h)
        with wave.open(f'{i}.wav', 'wb') as w:
            w.setparams((1, 2, 16000, 0, 'NONE', ''))
            w.writeframes(random.randbytes(2 * 800 * (i + 1)))
        print(f'u{i:02} {i}.wav', file=s)
EOF
  mkdir -p real/1/decode/test/-1
  base=real/1/decode/test/-1
  compute-wer --bootstrap --json=$base/greedy.wer.json --per-utt=$base/greedy.wer.per_utt ark:ref ark:hyp > wer 2> err
  for stage in forward greedy; do
    compute-fbank-feats --print-args=false --stats=$base/$stage.json scp:wav.scp ark:/dev/null 2> err
  done
  check "a report of what tools wrote" make-report --out agree real
  check "its page is its text" looks agree
  row_of() { grep -A "$2" "^$1" agree/report.txt | grep -m 1 '^  *real, full\|^  full, CTC'; } # <title> <lines below it>
  check_equal "compute-wer's error rate and interval" "$(row_of 'Word error rate' 4 | awk '{ print $4, $5, $6 }')" "$(python3 -c '
import json
d = json.load(open("real/1/decode/test/-1/greedy.wer.json"))
print("%.2f [%.1f, %.1f]" % (d["error_rate"], *d["interval95"]))')"
  check "as it prints them" grep -q "^%WER $(row_of 'Word error rate' 4 | awk '{ print $4 }') " wer
  check_equal "its substitutions, deletions and insertions" "$(row_of 'test: substitutions' 4 | awk '{ print $4, $6, $8 }')" \
    "$(python3 -c '
import json
d = json.load(open("real/1/decode/test/-1/greedy.wer.json"))
print(*("%.1f" % (100 * d[k] / d["units"]) for k in ("substitutions", "deletions", "insertions")))')"
  check_equal "its sentence error rate" "$(row_of 'test: utterances' 4 | awk '{ print $4 }')" "$(sed -n 's/^%SER \([0-9.]*\) .*/\1/p' wer)"
  rtf-report encoder=$base/forward.json greedy=$base/greedy.json > rtf
  told() { awk -v name="$1" '$1 == name { print $2, "(" $3 ")" }' rtf; }
  check_equal "rtf-report's factors" "$(row_of 'Real-time factor' 5 | awk '{ print $3, $4, $5, $6 }')" "$(told encoder) $(told greedy)"
  check_equal "its quantiles" "$(row_of 'Encoder: real' 4 | awk '{ print $3, $4, $5, $6 }')" "$(awk '$1 == "encoder" { print $4, $5, $6, $7 }' rtf)"
  check_equal "and those of --stats" "$(row_of 'Encoder: real' 4 | awk '{ print $3, $4, $5, $6 }')" "$(python3 -c '
import json
r = json.load(open("real/1/decode/test/-1/forward.json"))["rtf"]
print(*("%.5f" % r[k] for k in ("p50", "p90", "p99", "first")))')"
else
  skip "figures of the tools" "no compute-wer or compute-fbank-feats"
fi

# routing.sh counts by the first label, and by each further one that has some values: the page then has both.
mkdir -p stub routes/dump/test
cat > stub/moe-route-stats << 'EOF'
#!/bin/bash
for a in "$@"; do case $a in --json=*) cp "$MADE" "${a#--json=}" ;; --labels=*) echo "${a##*/}" ;; esac done
EOF
chmod +x stub/moe-route-stats
cp -r b/data b/exp routes
echo '{"num_experts": 4, "parameters": {"total": 9, "active_per_frame": 5, "feed_forward": 2}}' > routes/exp/moe/1/info.json
awk '{ print $1, NR % 2 ? "ann" : "bob" }' b/data/test/utt2dur > routes/data/test/utt2spk
awk '{ print $1, "x" }' b/data/test/utt2dur > routes/data/test/utt2one
echo "PATH=$tmp/stub:\$PATH" > routes/path.sh
routing() { (cd routes && MADE=$tmp/b/exp/moe/1/routing.json "$root/utils/steps/routing.sh" "$@"); }
check "routes by several labels" routing --labels "data/test/utt2lang data/test/utt2spk data/test/utt2one" dump test exp/moe/1
check_equal "a file for each" "$(cd routes/exp/moe/1 && echo routing.* && cat routing.txt log/routing.*)" \
  $'routing.json routing.spk.json routing.txt\nutt2lang\nutt2spk'
check "the page of several labels" make-report --out routes/report routes/exp
check "has them all" looks routes/report '">By lang (2), a mixture each.<" in p.source and ">By spk (2), a mixture each.<" in p.source'

# Bad input.
check_fails "no experiment" 2 'an experiment is needed' make-report
check_fails "no such baseline" 2 '--baseline denze is none of dense, moe' make-report --baseline denze a/exp
check "another baseline" make-report --baseline moe --sets "test test" --out turned b/exp
check "turns the comparison" grep -q '^test: difference from moe, points' turned/report.txt
check_fails "no such folder" 1 'nothing: there is no such folder; give those of trained models' make-report nothing
mkdir folder
check_fails "a folder without experiments" 1 'folder: no training in it .*leave it out' make-report folder
fresh() { rm -rf c && cp -r b c; }
fresh && rm -r c/exp/moe/1/decode
check_fails "an experiment without scores" 1 'c/exp/moe/1 has no scores .*decode and score it first .*leave it out' make-report c/exp/moe c/exp/dense
check_fails "two of one name" 1 'two experiments are named moe: a/exp/moe/1 and b/exp/moe/1; give one another name: NAME=b/exp/moe' \
  make-report a/exp/moe b/exp/moe
check "which names tell apart" make-report --out named b/exp/moe other=b/exp/dense
check_fails "the same twice" 1 'two experiments are named moe' make-report a/exp/moe a/exp/moe/2
check "seeds one by one" make-report --out seeds a/exp/moe/1 a/exp/moe/2 a/exp/dense/1 a/exp/dense/2
check "are those of a model" grep -q '^seeds: 1 2;' seeds/report.txt
fresh && truncate -s 60 c/exp/moe/1/routing.json
check_fails "JSON that is cut off" 1 'c/exp/moe/1/routing.json:1: not JSON' make-report --out none c/exp
fresh && truncate -s -20 c/exp/moe/1/log.jsonl
check_fails "a log that is cut off" 1 "log.jsonl:3: not a line of nnet-train's log .*let it go on" make-report --out none c/exp
fresh && sed -i '/^s-007/d' c/exp/moe/1/decode/test/16/greedy.wer.per_utt && rm c/exp/moe/1/decode/test/16/greedy.wer.json
check_fails "other utterances" 1 'scored on different utterances .s-007 is only in one' make-report --out none c/exp
fresh && sed -i 's/"errors": [0-9]*/"errors": 1/' c/exp/moe/1/decode/test/-1/greedy.wer.json
check_fails "scores of two scorings" 1 'greedy.wer.json counts 1 errors .*score anew' make-report --out none c/exp
fresh && sed -i 's/"none"/"lowercase"/' c/exp/moe/1/decode/test/-1/greedy.wer.json
check_fails "texts normalised in two ways" 1 'was normalised by none, but .* by lowercase; score all' make-report --out none c/exp
check_fails "missing data are named" 1 'error: none/test/text is missing' report a "1 2 3" --data none
: > file
check_fails "a file where the folder should be" 1 'file is there and is no folder' make-report --out file a/exp
check_equal "nothing is written where something is wrong" "$(ls -d none 2> /dev/null)" ""

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
print(same['difference'], same['real'], same['p'])
# By hand: 0.01 <= 0.05 / 4, 0.012 <= 0.05 / 3, 0.03 > 0.05 / 2, so that 0.04 stays too.
print(iv.holm([0.03, 0.01, 0.04, 0.012]), iv.holm([0.04]), iv.holm([]))
# Student's t with two degrees of freedom in closed form: P(|t| <= x) = x / sqrt(2 + x^2).
print(max(abs(iv.t_within(x, 2) - x / (2 + x * x)**0.5) for x in (0.1, 1, 4.303, 20)) < 1e-9,
      abs(iv.t_within(1.959964, 1e9) - 0.95) < 1e-6)
# Of a difference over seeds, p is below 5 % where the interval does not hold 0.
a, b = ([{f'u{i}': (e, 100) for i in range(50)} for e in seeds] for seeds in ((10, 12, 14), (14, 15, 19)))
d = iv.difference(a, b, iv.Bootstrap(a[0]))
print(d['difference'], d['real'], (d['p'] < 0.05) == d['real'])

# Labels never lie on one another, on marks, or outside, wherever the points are.
import random
import report_svg as svg
rng, free, bad = random.Random(4), 0, 0
for n in range(200):
    points = [(rng.gauss(200, 60), rng.gauss(150, 40)) for _ in range(rng.randrange(1, 40))]
    marks, bounds = [(x - 4, y - 4, x + 4, y + 4) for x, y in points], (0, 0, 400, 300)
    texts = [rng.choice(['full', '16', 'a long name 16', '模型 4', 'WWWW']) for _ in points]
    spots = svg.place_labels([(x, y, t) for (x, y), t in zip(points, texts)], marks, bounds)
    boxes = [svg.box_of(*s, t) for s, t in zip(spots, texts) if s]
    free += len(boxes)
    bad += sum(svg.overlap(p, q) for i, p in enumerate(boxes) for q in boxes[:i] + marks)
    bad += sum(b[0] < 0 or b[1] < 0 or b[2] > 400 or b[3] > 300 for b in boxes)
    alone = svg.place_labels([(200, 150, 'full')], [(196, 146, 204, 154)], bounds)
    bad += alone[0] is None
print(bad, free > 1500)
# Series differ by shape and dash alone too, for those who see no colours.
styles = [svg.style(i) for i in range(28)]
print(len(set(styles)), len({s[1:] for s in styles}))
ticks = [svg.Axis(low, high, 0, 1, log).ticks() for low, high, log in (
    (0, 1, False), (0.0007, 0.003, True), (1e-6, 1, True), (5, 5, False), (0.4, 0.4, True), (0, 1e-9, False), (-3, 4, False), (1e5, 3e9, True))]
print(all(1 < len(t) < 12 and t == sorted(set(t)) for t in ticks))
EOF
check_equal "Student's t" "$(sed -n 1p "$tmp/interval")" "12.706 4.303 2.214 1.960"
check_equal "interval over seeds" "$(sed -n 2p "$tmp/interval")" "12.00 7.03 16.97 2.00"
check_equal "a model does not differ from itself" "$(sed -n 3p "$tmp/interval")" "0.0 False 1.0"
check_equal "Holm's correction" "$(sed -n 4p "$tmp/interval")" "[False, True, False, True] [True] []"
check_equal "Student's t against closed forms" "$(sed -n 5p "$tmp/interval")" "True True"
check_equal "p and interval agree" "$(sed -n 6p "$tmp/interval")" "-4.0 False True"
check_equal "labels keep clear of one another" "$(sed -n 7p "$tmp/interval")" "0 True"
check_equal "series differ, in colour and without" "$(sed -n 8p "$tmp/interval")" "28 28"
check_equal "ticks" "$(sed -n 9p "$tmp/interval")" "True"

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
