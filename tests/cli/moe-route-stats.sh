#!/usr/bin/env bash
# moe-route-stats: table, JSON, plot, decisions per frame, labels, decoders, dead experts, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

printf '%s\n' '<blank> 0' 'a 1' 'b 2' 'c 3' '<sos/eos> 4' >"$tmp/units.txt"
cat >"$tmp/model.conf" <<'EOF'
feature-dim=10
model-dim=8
num-blocks=2
num-heads=2
conv-kernel=3
hidden-dim=8
num-experts=4
decoder-blocks=1
reverse-decoder-blocks=1
EOF
init() { nnet-init --print-args=false --units="$tmp/units.txt" "$@" 2>>"$tmp/init.log" || cat "$tmp/init.log"; }
init "$tmp/model.conf" "$tmp/moe"
init --num-experts=0 "$tmp/model.conf" "$tmp/dense"
init --num-experts=64 --decoder-num-experts=0 "$tmp/model.conf" "$tmp/wide"
awk 'BEGIN {
  srand(3)
  for (n = 1; n <= 3; ++n) {
    printf "utt%d  [\n", n
    for (t = 0; t < 20 + 10 * n; ++t) {
      for (d = 0; d < 10; ++d) printf " %.3f", 4 * rand() - 2
      print t == 19 + 10 * n ? " ]" : ""
    }
  }
}' >"$tmp/feats"
printf '%s\n' 'utt1 de' 'utt2 en' 'utt3 de' >"$tmp/utt2lang"
printf '%s\n' 'utt1 1 2' 'utt2' 'utt3 3 3 1' >"$tmp/tokens"
stats() { moe-route-stats --print-args=false "$@"; }
table() { stats "$@" 2>/dev/null; }

# 30, 40 and 50 frames give 6, 9 and 11 encoder frames.
check "runs" stats "$tmp/moe" "ark:$tmp/feats"
check_equal "one line of talk, then one per mixture" "$(table "$tmp/moe" "ark:$tmp/feats" | cut -d' ' -f1 | tr '\n' ' ')" \
  "3 encoder.encoders.0.feed_forward_macaron encoder.encoders.0.feed_forward encoder.encoders.1.feed_forward_macaron encoder.encoders.1.feed_forward "
check_equal "counts the encoder frames" "$(table "$tmp/moe" "ark:$tmp/feats" | grep -c '  rows 26\b')" 4
check_equal "shares sum to 100" \
  "$(table "$tmp/moe" "ark:$tmp/feats" | awk 'NR > 1 { s = $2 + $3 + $4 + $5; if (s < 99.7 || s > 100.3) print }')" ""
check_equal "with tokens, the decoders too" "$(table --tokens="ark:$tmp/tokens" "$tmp/moe" "ark:$tmp/feats" | grep -c '^decoder.*  rows 8\b')" 2

init --layers='all.macaron:num-experts=0;1.last:num-experts=6' --decoder-layers=0:num-experts=0 "$tmp/model.conf" "$tmp/mixed"
check_equal "the mixtures of layers that differ" \
  "$(table --tokens="ark:$tmp/tokens" "$tmp/mixed" "ark:$tmp/feats" | awk 'NR == 1 { print $11, $12, $13 } NR > 1 { print $1, NF }' | tr '\n' ' ')" \
  "16.7 to 25.0); encoder.encoders.0.feed_forward 21 encoder.encoders.1.feed_forward 23 "
check "decisions per frame" stats --per-frame="ark,t:$tmp/frames" "$tmp/moe" "ark:$tmp/feats"
check_equal "keys: utterance and mixture" "$(cut -d' ' -f1 "$tmp/frames" | tr '\n' ' ')" \
  "utt1-1 utt1-2 utt1-3 utt1-4 utt2-1 utt2-2 utt2-3 utt2-4 utt3-1 utt3-2 utt3-3 utt3-4 "
check_equal "2 experts for each of 6, 9 and 11 frames" "$(awk '{ print NF - 1 }' "$tmp/frames" | uniq | tr '\n' ' ')" "12 18 22 "
check_equal "distinct experts of the model" \
  "$(awk '{ for (i = 2; i < NF; i += 2) if ($i == $(i + 1) || $i < 0 || $i > 3 || $(i + 1) < 0 || $(i + 1) > 3) print }' "$tmp/frames")" ""

if python3 -c '' 2>/dev/null; then
  check "JSON" stats --json="$tmp/stats.json" --labels="ark:$tmp/utt2lang" --chunk-size=4 --num-left-chunks=1 \
    --tokens="ark:$tmp/tokens" --per-frame="ark,t:$tmp/frames4" "$tmp/moe" "ark:$tmp/feats"
  check "the JSON agrees with the decisions per frame" python3 - "$tmp/stats.json" "$tmp/frames4" <<'EOF'
import json, sys, collections
d = json.load(open(sys.argv[1]))
assert d['utterances'] == 3
assert [l['name'] for l in d['layers']][4:] == ['decoder.left_decoder.decoders.0.feed_forward',
                                                'decoder.right_decoder.decoders.0.feed_forward']
frames = collections.defaultdict(list)
for line in open(sys.argv[2]):
    key, *ids = line.split()
    frames[key.split('-')[1]].append([tuple(map(int, ids[i:i + 2])) for i in range(0, len(ids), 2)])
for n in range(4):
    layer, utterances = d['layers'][n], frames[str(n + 1)]
    rows = [r for u in utterances for r in u]
    assert layer['rows'] == len(rows) == 26, layer['rows']
    for e in range(4):
        assert abs(layer['share'][e] - sum(e in r for r in rows) / 52) < 1e-9
        for f in range(4):
            both = sum(e in r and f in r for r in rows) if e != f else 0
            assert abs(layer['co_activation'][e][f] - both / 26) < 1e-9
    chunks = [set(sum(u[i:i + 4], ())) for u in utterances for i in range(0, len(u), 4)]
    assert abs(layer['distinct_experts_per_chunk'] - sum(map(len, chunks)) / len(chunks)) < 1e-9
    assert layer['dead_experts'] == sum(s == 0 for s in layer['share'])
    assert abs(layer['max_over_mean_load'] - 4 * max(layer['share'])) < 1e-9
    assert abs(sum(layer['mean_gates']) - 1) < 1e-6 and layer['mean_gates'][0] >= 0.5
    assert 0 <= layer['entropy'] <= 1 and layer['mean_margin'] >= 0
assert sorted(d['groups']) == ['de', 'en']
assert [l['rows'] for l in d['groups']['de']] == [17] * 4 + [7] * 2, d['groups']['de']
assert [l['rows'] for l in d['groups']['en']] == [9] * 4 + [1] * 2
EOF
else
  skip "JSON" "no python3"
fi
check_equal "labels: a block for each" "$(table --labels="ark:$tmp/utt2lang" "$tmp/moe" "ark:$tmp/feats" | grep -xE 'de|en' | tr '\n' ' ')" "de en "
awk '{ print $1, "spk-" $1 }' "$tmp/utt2lang" >"$tmp/utt2spk"
told() { table --information=true --labels="ark:$tmp/utt2lang" --labels="ark:$tmp/utt2spk" --tokens="ark:$tmp/tokens" "$tmp/moe" "ark:$tmp/feats"; }
check_equal "what experts tell: a line for each mixture, by label" \
  "$(told | sed '1,/^What the expert tells/d' | grep -c '^[^ ]*coder[^ ]*feed_forward[^ ]*  *lang .* spk .* unit .* position .* switches .* agreement ')" 6
check_equal "is left out unless asked for" "$(table --labels="ark:$tmp/utt2lang" "$tmp/moe" "ark:$tmp/feats" | grep -c 'expert tells')" 0
check_equal "twice the same" "$(told | md5sum)" "$(told | md5sum)"
if python3 -c '' 2>/dev/null; then
  check "its JSON" stats --information=true --labels="ark:$tmp/utt2lang" --json="$tmp/told.json" --per-frame="ark,t:$tmp/frames0" "$tmp/moe" "ark:$tmp/feats"
  check "agrees with the decisions per frame" python3 - "$tmp/told.json" "$tmp/frames0" "$tmp/utt2lang" <<'EOF'
import collections, json, math, sys
told = json.load(open(sys.argv[1]))['information'][0]
lang = dict(line.split() for line in open(sys.argv[3]))
ids = collections.defaultdict(list)
for line in open(sys.argv[2]):
    key, *values = line.split()
    ids[int(key.split('-')[1])].append((lang[key.split('-')[0]], [int(v) for v in values]))
def bits(pairs):
    n = len(pairs)
    a, b, both = (collections.Counter(x) for x in ([p[0] for p in pairs], [p[1] for p in pairs], pairs))
    return sum(c / n * math.log2(c * n / (a[x] * b[y])) for (x, y), c in both.items())
for n in range(4):
    layer, utterances = told['layers'][n], ids[n + 1]
    want = bits([(e, l) for l, values in utterances for e in values])
    assert abs(layer['tells']['lang']['bits'] - want) < 1e-9, (layer, want)
    firsts = [values[::2] for _, values in utterances]
    pairs = [(x, y) for f in firsts for x, y in zip(f, f[1:])]
    assert abs(layer['switch_rate'] - sum(x != y for x, y in pairs) / len(pairs)) < 1e-9
    assert layer['empty_by_position'] == [0] * 10
    assert 0 <= layer['tells']['unit']['share'] <= 1
one, two = ([e for _, values in ids[n] for e in values[::2]] for n in (1, 2))
entropy = bits(list(zip(one, one))) + bits(list(zip(two, two)))
assert abs(told['agreement'][0][1] - 2 * bits(list(zip(one, two))) / entropy) < 1e-9
EOF
fi
if command -v gnuplot >/dev/null; then
  check "plot" stats --plot="$tmp/it's a plot.png" "$tmp/moe" "ark:$tmp/feats"
  check_equal "is a PNG" "$(head -c 4 "$tmp/it's a plot.png" | tail -c 3)" PNG
  check_fails "a plot in a folder that is not there" 1 'cannot write .*/none/x.png: .*does the directory .* exist' \
    stats --plot="$tmp/none/x.png" "$tmp/moe" "ark:$tmp/feats"
  check "a plot into a command" stats --plot="| cat >'$tmp/piped.png'" "$tmp/moe" "ark:$tmp/feats"
  check "into a descriptor" bash -c 'moe-route-stats --plot=/dev/fd/7 "$1" "$2" 7>"$0/fd.png"' "$tmp" "$tmp/moe" "ark:$tmp/feats"
  check "are the same" bash -c 'cmp "$0/piped.png" "$0/fd.png" && cmp "$0/fd.png" "$0/it'"'"'s a plot.png"' "$tmp"
  check_equal "nothing is left over" "$(find "$tmp" "${TMPDIR:-/tmp}" -maxdepth 1 -name "*u2moe-plot*"; compgen -G "$tmp/*.tmp-*")" ""
  mkdir "$tmp/disk"
  full_disk() { # nothing under the final name, nothing temporary
    unshare -rm bash -c 'mount -t tmpfs -o size=4k tmpfs "$1" || exit 77
      status=0
      moe-route-stats --plot="$1/x.png" "$2" "$3" || status=$?
      [ -z "$(ls -A "$1")" ] || { echo "left behind: $(ls -A "$1")" >&2; exit 99; }
      exit "$status"' - "$@"
  }
  if unshare -rm bash -c "mount -t tmpfs -o size=4k tmpfs '$tmp/disk'" 2>/dev/null; then
    check_fails "a plot on a full disk" 1 'cannot write .*/x.png: .*is the disk full' full_disk "$tmp/disk" "$tmp/moe" "ark:$tmp/feats"
  else
    skip "a plot on a full disk" "no tmpfs can be mounted here"
  fi
else
  skip "plot" "no gnuplot"
fi

# 26 frames cannot choose 64 experts in every mixture twice over.
check "dead experts are no error" stats "$tmp/wide" "ark:$tmp/feats"
check_fails "unless asked for" 1 '[0-9]+ experts were never chosen' stats --fail-on-dead=true "$tmp/wide" "ark:$tmp/feats"
check_equal "dead experts are named" "$(head -n 2 <(table "$tmp/wide" "ark:$tmp/feats") | grep -c 'DEAD')" 1

check_fails "a dense model" 2 'dense is a dense model' stats "$tmp/dense" "ark:$tmp/feats"
head -n 1 "$tmp/utt2lang" >"$tmp/utt1lang"
check_fails "utterances without a label" 1 "utterance utt2: .*: key .utt2. at byte [0-9]*: no entry for key 'utt2' in .*utt1lang" \
  stats --labels="ark:$tmp/utt1lang" "$tmp/moe" "ark:$tmp/feats"
printf '%s\n' 'utt1 7' 'utt2 1' 'utt3 1' >"$tmp/odd"
check_fails "tokens that are no units" 1 'utterance utt1: .*: key .utt1. at byte [0-9]*: token 7 is not a unit of the model' \
  stats --tokens="ark:$tmp/odd" "$tmp/moe" "ark:$tmp/feats"
check_equal "such an utterance is not counted at all" \
  "$(table --max-failures=1 --tokens="ark:$tmp/odd" "$tmp/moe" "ark:$tmp/feats" | grep -oE '^2 utt|rows [0-9]+' | uniq | tr '\n' ' ')" \
  "2 utt rows 20 rows 4 "
{ printf 'short  [\n'; sed -n '2,4p' "$tmp/feats"; printf '%s ]\n' "$(sed -n 5p "$tmp/feats")"; cat "$tmp/feats"; } >"$tmp/with-short"
check_fails "an utterance too short" 1 'utterance short: .*: key .short. at byte [0-9]*: 4 feature frames are too few' stats "$tmp/moe" "ark:$tmp/with-short"
check "is passed over if allowed" stats --max-failures=1 "$tmp/moe" "ark:$tmp/with-short"
sed '2s/ [-0-9.]* / nan /' "$tmp/feats" >"$tmp/nan"
check_fails "NaN features" 1 "utterance utt1: .*$tmp/nan: key .utt1. at byte [0-9]*: features: frame 0, dimension 0 is nan" stats "$tmp/moe" "ark:$tmp/nan"
sed -E '/^utt2/,/\]/s/^ [-0-9.]+//' "$tmp/feats" >"$tmp/narrow"
check_fails "features of another dimension" 1 "utterance utt2: .*$tmp/narrow: key .utt2. at byte [0-9]*: features have 9 dimensions, the model wants 10" \
  stats "$tmp/moe" "ark:$tmp/narrow"
head -c 3000 "$tmp/moe" >"$tmp/cut"
check_fails "a cut model" 1 'cut: ' stats "$tmp/cut" "ark:$tmp/feats"
check_fails "features as model" 1 'feats: it does not begin with a safetensors header' stats "$tmp/feats" "ark:$tmp/feats"
check_fails "JSON on a full disk" 1 'cannot write /dev/full: No space left' stats --json=/dev/full "$tmp/moe" "ark:$tmp/feats"
full_stdout() { stats "$tmp/moe" "ark:$tmp/feats" >/dev/full; }
check_fails "the table on a full disk" 1 'disk full' full_stdout
closed_pipe() { (stats "$tmp/moe" "ark:$tmp/feats"; echo $? >"$tmp/status") | true; return "$(cat "$tmp/status")"; }
check_fails "the table into a closed pipe" 1 'pipe closed' closed_pipe
check_fails "chunk size 0" 2 'chunk-size=0: must be at least 1' stats --chunk-size=0 "$tmp/moe" "ark:$tmp/feats"
check_fails "one argument" 2 'Usage: moe-route-stats' stats "$tmp/moe"
check_fails "no such model" 1 'none' stats "$tmp/none" "ark:$tmp/feats"
