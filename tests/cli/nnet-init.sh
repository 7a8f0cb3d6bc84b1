#!/usr/bin/env bash
# nnet-init, nnet-info, nnet-copy, nnet-average on small models.
. "$(dirname "$0")/../support/cli.sh"

printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'a 3' 'ü 4' >"$tmp/units.txt"
cat >"$tmp/model.conf" <<'EOF'
# a small model
feature-dim=20
model-dim=16
num-blocks=2
num-heads=2
hidden-dim=24   # each expert too
decoder-blocks=1
--reverse-decoder-blocks=1
dropout=0
EOF
printf 'num-mel-bins=20\nsample-frequency=8000\n' >"$tmp/fbank.conf"
threes=$(printf '3 %.0s' {1..20})
{ echo " ["; echo "  ${threes}4"; echo "  ${threes}0 ]"; } >"$tmp/cmvn"
small=(--print-args=false --units="$tmp/units.txt")
json() { # MODEL PYTHON-EXPRESSION of d
  nnet-info --print-args=false --json=true "$1" | python3 -c "import json, sys; d = json.load(sys.stdin); print($2)"
}

check "makes a model" nnet-init "${small[@]}" --cmvn="$tmp/cmvn" --fbank-config="$tmp/fbank.conf" --seed=3 \
  "$tmp/model.conf" "$tmp/a.safetensors"
check "the same seed again" nnet-init "${small[@]}" --cmvn="$tmp/cmvn" --fbank-config="$tmp/fbank.conf" --seed=3 \
  "$tmp/model.conf" "$tmp/b.safetensors"
check "gives the same bytes" cmp "$tmp/a.safetensors" "$tmp/b.safetensors"
check "another seed" nnet-init "${small[@]}" --cmvn="$tmp/cmvn" --fbank-config="$tmp/fbank.conf" --seed=4 \
  "$tmp/model.conf" "$tmp/c.safetensors"
check_equal "gives other weights" "$(cmp -s "$tmp/a.safetensors" "$tmp/c.safetensors"; echo $?)" 1
check "a mixture by option" nnet-init "${small[@]}" --num-experts=4 --decoder-num-experts=0 \
  "$tmp/model.conf" "$tmp/moe.safetensors"
check "layers that differ" nnet-init "${small[@]}" --num-experts=4 --layers='all.macaron:num-experts=0;1.last:num-experts=3' \
  --decoder-layers=0:num-experts=0 "$tmp/model.conf" "$tmp/mixed.safetensors"
check_equal "are told by nnet-info" "$(nnet-info --print-args=false "$tmp/mixed.safetensors" | grep -E '^(decoder-)?layers=' | paste -sd' ')" \
  'layers=all.macaron:num-experts=0;1.last:num-experts=3 decoder-layers=all:num-experts=0'
{ cat "$tmp/model.conf" && printf '%s\n' num-experts=4 'layers = all.macaron:num-experts=0; 1.last:num-experts=3' \
  'decoder-layers=0:num-experts=0'; } >"$tmp/mixed.conf"
check "layers that differ, in a file" nnet-init "${small[@]}" "$tmp/mixed.conf" "$tmp/made.safetensors"
check "are as by options" cmp "$tmp/made.safetensors" "$tmp/mixed.safetensors"
check_fails "a block that is not there" 2 "layers: the entry '2:num-experts=0': there is no block 2; they are 0 to 1" \
  nnet-init "${small[@]}" --layers=2:num-experts=0 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "a setting that is none" 2 "decoder-layers: the entry '0:experts=3': 'experts' is no setting of a layer; there are .*num-experts" \
  nnet-init "${small[@]}" --decoder-layers=0:experts=3 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "a layer that cannot be" 2 'layers: block 1.macaron: experts-per-frame=2 is outside 1 to num-experts=1' \
  nnet-init "${small[@]}" --layers=1.macaron:num-experts=1 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "a layer that cannot learn" 2 'to be trained: layers: block 1.last: experts-per-frame=1 with num-experts=4' \
  nnet-init "${small[@]}" --layers=1.last:num-experts=4,experts-per-frame=1 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "an average of models that differ in a layer" 1 'mixed.safetensors: decoder-layers is "all:num-experts=0", but in' \
  nnet-average "$tmp/moe.safetensors" "$tmp/mixed.safetensors" "$tmp/x.safetensors"
check_equal "the help has an example of a list" "$(nnet-init --help 2>&1 | grep -c -- '--layers=.all.macaron')" 1
check "into a path with spaces" nnet-init "${small[@]}" "$tmp/model.conf" "$tmp/with spaces.safetensors"
check_equal "no temporary file is left" "$(find "$tmp" -name '*.tmp-*')" ""

check_fails "no units" 2 'give --units' nnet-init --print-args=false "$tmp/model.conf" "$tmp/x.safetensors"
echo 'num-block=3' >"$tmp/wrong.conf"
check_fails "an unknown option in the file" 2 'wrong.conf:1: unknown option --num-block; did you mean --num-blocks' \
  nnet-init "${small[@]}" "$tmp/wrong.conf" "$tmp/x.safetensors"
check_fails "one expert of many" 2 'experts-per-frame=1 with num-experts=8' \
  nnet-init "${small[@]}" --num-experts=8 --experts-per-frame=1 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "heads that do not divide" 2 'num-heads=3 does not divide model-dim=16' \
  nnet-init "${small[@]}" --num-heads=3 "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "features of another dimension" 2 '20 dimensions .* feature-dim=40' \
  nnet-init "${small[@]}" --feature-dim=40 --fbank-config="$tmp/fbank.conf" "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "CMVN of another dimension" 1 'cmvn: CMVN of 20 dimensions.* feature-dim is 40' \
  nnet-init "${small[@]}" --feature-dim=40 --cmvn="$tmp/cmvn" "$tmp/model.conf" "$tmp/x.safetensors"
check_fails "no such file" 2 'cannot read configuration file' nnet-init "${small[@]}" "$tmp/none" "$tmp/x.safetensors"
printf 'a 0\nb 0\n' >"$tmp/twice.txt"
check_fails "units with an id twice" 1 'twice.txt:2: the id 0 is also that of a' \
  nnet-init --print-args=false --units="$tmp/twice.txt" "$tmp/model.conf" "$tmp/x.safetensors"

# One configuration for compute-fbank-feats and for the model of its features.
cat >"$tmp/whole.conf" <<EOF
--num-mel-bins=20
--sample-frequency=8000
allow-downsample=true
allow_upsample=t
num-threads=2
write-utt2dur=ark,t:$tmp/utt2dur
segments=$tmp/segments
min-segment-length=0.05
max-overshoot=0.2
max-failures=5%
max-feature-vectors=10
min-duration=0.1
channel=0
dither=0.5
seed=7
output-format=kaldi
htk-compat=false
debug-mel=false
online-frames=0
stats=$tmp/stats.json
verbose=1
print-args=false
EOF
check "a whole configuration of compute-fbank-feats" nnet-init "${small[@]}" --fbank-config="$tmp/whole.conf" \
  "$tmp/model.conf" "$tmp/whole.safetensors"
check_equal "keeps what makes the features" "$(nnet-info --print-args=false --print=features "$tmp/whole.safetensors")" \
  "$(nnet-info --print-args=false --print=features "$tmp/a.safetensors")"
check_equal "each option of compute-fbank-feats, with its default" "$(
  compute-fbank-feats --help | sed -nE 's/^  --([^ ]+) \([a-z]+, default "?([^"]*)"?\)$/\1=\2/p' |
    grep -vE '^(config|num-mel-bins|sample-frequency)=' >"$tmp/options"
  wc -l <"$tmp/options" | awk '{ print ($1 > 40) }'
  while read -r option; do
    printf 'num-mel-bins=20\nsample-frequency=8000\n%s\n' "$option" >"$tmp/one.conf"
    nnet-init "${small[@]}" --fbank-config="$tmp/one.conf" "$tmp/model.conf" "$tmp/made.safetensors" 2>&1 | sed -n '/ERROR/p'
  done <"$tmp/options")" 1
printf 'num-mel-bins=20\nsample-frequency=8000\nsubtract-mean=true\nvtln-warp=1.1\n' >"$tmp/warped.conf"
check "with a warp" nnet-init "${small[@]}" --fbank-config="$tmp/warped.conf" "$tmp/model.conf" "$tmp/warped.safetensors"
nnet-info --print-args=false --print=features "$tmp/warped.safetensors" >"$tmp/again.conf"
check_equal "which the features need too" "$(grep -E 'subtract|vtln' "$tmp/again.conf" | paste -sd' ')" \
  'subtract-mean=true vtln-high=-500 vtln-low=100 vtln-warp=1.1'
check "is a configuration again" nnet-init "${small[@]}" --fbank-config="$tmp/again.conf" "$tmp/model.conf" "$tmp/again.safetensors"
check_equal "with the same in it" "$(nnet-info --print-args=false --print=features "$tmp/again.safetensors")" "$(cat "$tmp/again.conf")"
for line in allow-downsmaple=true allow-downsample=perhaps num-threads=0 max-failures=some output-format=sphinx channel=-2 \
  min-duration=-1 window-type=square vtln-warp=0 online-frames=-1 config=other.conf; do
  printf 'num-mel-bins=20\n%s\n' "$line" >"$tmp/refused.conf"
  check_fails "refuses $line" 2 "refused.conf:.*${line%%=*}" nnet-init "${small[@]}" --fbank-config="$tmp/refused.conf" \
    "$tmp/model.conf" "$tmp/made.safetensors"
  if ! [[ $line =~ ^(config|online) ]]; then
    check_fails "as compute-fbank-feats does" 2 "${line%%=*}" compute-fbank-feats --config="$tmp/refused.conf" ark:/dev/null ark:/dev/null
  fi
done
# The model's own file may say what the options say, which count more.
{ cat "$tmp/model.conf" && printf 'units=%s\nfbank-config=%s\ncmvn=%s\nseed=3\nverbose=1\nprint-args=f\n' \
  "$tmp/units.txt" "$tmp/fbank.conf" "$tmp/cmvn"; } >"$tmp/full.conf"
check "everything in the model's file" nnet-init "$tmp/full.conf" "$tmp/made.safetensors"
check "is as by options" cmp "$tmp/made.safetensors" "$tmp/a.safetensors"
check "as a configuration" nnet-init --config="$tmp/full.conf" "$tmp/full.conf" "$tmp/made.safetensors"
check "is as by options too" cmp "$tmp/made.safetensors" "$tmp/a.safetensors"
check "an option against the file" nnet-init --seed=4 "$tmp/full.conf" "$tmp/made.safetensors"
check "counts more" cmp "$tmp/made.safetensors" "$tmp/c.safetensors"
check "an empty option against the file" nnet-init --cmvn= "$tmp/full.conf" "$tmp/made.safetensors"
check_equal "counts more" "$(cmp -s "$tmp/made.safetensors" "$tmp/a.safetensors"; echo $?)" 1
printf 'preset=moe-1b\nnum-blocks=1\ndecoder-blocks=1\nreverse-decoder-blocks=1\nhidden-dim=32\nmodel-dim=40\n' >"$tmp/preset.conf"
check "a preset in the file" nnet-init "${small[@]}" "$tmp/preset.conf" "$tmp/made.safetensors"
check_equal "is as by options" "$(nnet-info --print-args=false "$tmp/made.safetensors" | grep -cE '^(num-heads=10|conv-kernel=15|vocab-size=5|model-dim=40)$')" 4

check_fails "one argument" 2 'give a model.conf or a --preset' nnet-init --print-args=false "$tmp/model.conf"
check_fails "no such preset" 2 'known are dense-225m, moe-1b and dense-1b' \
  nnet-init --print-args=false --preset=dense "$tmp/x.safetensors"
check "a preset, cut down by options" nnet-init "${small[@]}" --preset=moe-1b --num-blocks=1 --decoder-blocks=1 \
  --reverse-decoder-blocks=1 --hidden-dim=32 --model-dim=40 "$tmp/preset.safetensors"
check_equal "has the rest of the preset" \
  "$(nnet-info --print-args=false "$tmp/preset.safetensors" | grep -cE '^(num-experts=8|num-heads=10|conv-kernel=15|vocab-size=5)$')" 4
check_peak "a model of 130 MB is never in memory" 45 nnet-init "${small[@]}" --preset=dense-225m --model-dim=400 --num-blocks=4 \
  --decoder-blocks=1 --reverse-decoder-blocks=1 "$tmp/large.safetensors"
check_equal "the model's size" "$(($(stat -c %s "$tmp/large.safetensors") / 10000000))" 13
rm -f "$tmp/large.safetensors"
check_fails "a folder that is not there" 1 'none/x' nnet-init "${small[@]}" "$tmp/model.conf" "$tmp/none/x.safetensors"
check_equal "a failure leaves no file" "$(find "$tmp" -name 'x.safetensors')" ""

check "nnet-info as text" bash -o pipefail -c "nnet-info '$tmp/moe.safetensors' | grep -q '^num-experts=4'"
check_equal "nnet-info: units" "$(nnet-info --print-args=false "$tmp/a.safetensors" | grep '^<blank>')" \
  "<blank> <unk> <sos/eos> a ü "
if python3 -c '' 2>/dev/null; then
  check_equal "nnet-info: parts sum to the total" "$(json "$tmp/moe.safetensors" \
    "sum(d['parameters'][k] for k in ['encoder', 'ctc', 'left_decoder', 'right_decoder']) == d['parameters']['total']")" True
  # 2 blocks of 2 mixtures: 2 of 4 experts of 2*16*24 + 24 + 16 parameters rest.
  check_equal "nnet-info: active per frame" "$(json "$tmp/moe.safetensors" \
    "d['parameters']['encoder'] + d['parameters']['ctc'] - d['parameters']['active_per_frame']")" $((4 * 2 * (2 * 16 * 24 + 24 + 16)))
  check_equal "nnet-info: features" "$(json "$tmp/a.safetensors" \
    "d['features']['sample-frequency'], d['features']['num-mel-bins'], d['features']['dither']")" "8000 20 0"
  check_equal "nnet-info: history" "$(json "$tmp/a.safetensors" "d['history']")" "[{'seed': '3', 'tool': 'nnet-init'}]"
else
  skip "nnet-info --json" "no python3"
fi

check "nnet-copy" nnet-copy "$tmp/a.safetensors" "$tmp/copy.safetensors"
check "nnet-copy copies every byte" cmp "$tmp/a.safetensors" "$tmp/copy.safetensors"
check "nnet-copy through pipes" bash -o pipefail -c "nnet-copy '$tmp/a.safetensors' - | nnet-copy - '$tmp/piped.safetensors'"
check "nnet-copy through pipes copies every byte" cmp "$tmp/a.safetensors" "$tmp/piped.safetensors"
check_fails "nnet-copy onto itself" 2 'would be written over an input' nnet-copy "$tmp/copy.safetensors" "$tmp/copy.safetensors"
check "nnet-copy without history" nnet-copy --remove-history=true "$tmp/copy.safetensors" "$tmp/new.safetensors"
check_equal "nnet-copy --remove-history" "$(nnet-info --print-args=false "$tmp/new.safetensors" | sed -n '/# history/,$p')" "# history"
head -c 3000 "$tmp/a.safetensors" >"$tmp/cut.safetensors"
check_fails "a cut model" 1 'cut.safetensors: .*was it copied completely' nnet-copy "$tmp/cut.safetensors" "$tmp/x.safetensors"
check_fails "a text file" 1 'model.conf: it does not begin with a safetensors header' nnet-info "$tmp/model.conf"
check_fails "no such model" 1 'none.safetensors' nnet-info "$tmp/none.safetensors"
check_fails "a full disk" 1 'No space left' nnet-copy "$tmp/a.safetensors" /dev/full
check_equal "a failed copy leaves no file" "$(find "$tmp" -name 'x.safetensors*' -o -name '.*tmp-*')" ""

check "nnet-average" nnet-average "$tmp/a.safetensors" "$tmp/c.safetensors" "$tmp/mean.safetensors"
check "of two equal models" nnet-average "$tmp/a.safetensors" "$tmp/b.safetensors" "$tmp/same.safetensors"
check_fails "nnet-average of other shapes" 1 'moe.safetensors: num-experts is 4, but in .*a.safetensors it is 0' \
  nnet-average "$tmp/a.safetensors" "$tmp/moe.safetensors" "$tmp/x.safetensors"
check_fails "nnet-average without inputs" 2 'Usage: nnet-average' nnet-average --print-args=false "$tmp/x.safetensors"
# Kaldi's order, result last. The order of before (result first) destroys nothing.
cp "$tmp/a.safetensors" "$tmp/1.safetensors"
cp "$tmp/c.safetensors" "$tmp/2.safetensors"
cp "$tmp/mean.safetensors" "$tmp/final.safetensors"
check "nnet-average again over its own result" nnet-average "$tmp/1.safetensors" "$tmp/2.safetensors" "$tmp/final.safetensors"
check_fails "nnet-average, result first" 2 '2.safetensors is there and was not made by nnet-average.*the result last now' \
  nnet-average "$tmp/final.safetensors" "$tmp/1.safetensors" "$tmp/2.safetensors"
check_fails "nnet-average over an input" 2 'would be written over an input' \
  nnet-average "$tmp/1.safetensors" "$tmp/final.safetensors" "$tmp/./final.safetensors"
ln -s 2.safetensors "$tmp/link.safetensors"
check_fails "nnet-average over a link to an input" 2 'would be written over an input' \
  nnet-average "$tmp/1.safetensors" "$tmp/2.safetensors" "$tmp/link.safetensors"
check "nothing is lost by these" cmp "$tmp/1.safetensors" "$tmp/a.safetensors"
check "nothing at all" cmp "$tmp/2.safetensors" "$tmp/c.safetensors"
check_equal "nnet-average --help has the order" "$(nnet-average --help 2>&1 | grep -c 'model-1> .*<model-out>')" 1
if python3 -c 'import numpy, safetensors.numpy' 2>/dev/null; then
  check "Python opens a model in one line" python3 -c "
import sys, numpy, safetensors.numpy
a, b, mean, same = (safetensors.numpy.load_file(p) for p in sys.argv[1:])
assert len(a) > 100 and a.keys() == b.keys() == mean.keys() == same.keys()
for name in a:
    assert a[name].dtype == numpy.float32
    expected = (a[name].astype('f8') + b[name].astype('f8')) / 2
    assert (mean[name] == expected.astype('f4')).all(), name
    assert (same[name] == a[name]).all(), name
assert (a['encoder.global_cmvn.mean'] == 0.75).all()
assert abs(a['encoder.global_cmvn.istd'] - (0.75 - 0.75**2) ** -0.5).max() < 1e-6
assert a['encoder.embed.conv.0.weight'].shape == (16, 1, 3, 3)
" "$tmp/a.safetensors" "$tmp/c.safetensors" "$tmp/mean.safetensors" "$tmp/same.safetensors"
  check "Python reads the units" python3 -c "
import sys, json, safetensors
with safetensors.safe_open(sys.argv[1], 'np') as f:
    assert json.loads(f.metadata()['units']) == ['<blank>', '<unk>', '<sos/eos>', 'a', 'ü'], f.metadata()
    assert f.metadata()['format'] == 'u2moe'
" "$tmp/a.safetensors"
else
  skip "Python opens a model in one line" "no Python package safetensors"
fi

printable() { nnet-info --print-args=false --print=units "$tmp/a.safetensors" > "$tmp/printed.txt"; }
check "nnet-info prints units" printable
check_equal "as a units.txt" "$(head -4 "$tmp/printed.txt" | tail -1)" "a 3"
check_fails "nnet-info --print of something else" 2 'expected all, features, units or bpe-model' \
  nnet-info --print=weights "$tmp/a.safetensors"
