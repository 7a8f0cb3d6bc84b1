#!/usr/bin/env bash
# nnet-quantize: sizes, errors by kind of layer, the packed file in nnet-forward and attention-rescore, who refuses it.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "nnet-quantize" "no golden models"
  exit
fi
dir=$(dirname "$weights")
model=$tmp/moe.safetensors
check "import" nnet-import --print-args=false --units="$dir/units.txt" "$dir/config.json" "$weights" "$model"
quantize() { nnet-quantize --print-args=false "$@"; }
forward() { nnet-forward --print-args=false "$@"; }
json() { # MODEL PYTHON-EXPRESSION of d
  nnet-info --print-args=false --json=true "$1" | python3 -c "import json, sys; d = json.load(sys.stdin); print($2)"
}
error_of() { awk -v kind="$2" '$1 == kind { sub("%", "", $6); print $6 }' "$tmp/$1.txt"; }
within() { awk -v x="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }'; }

for format in float32 bfloat16 int8 int4; do
  check "$format" bash -c "nnet-quantize --print-args=false --weights=$format '$model' '$tmp/$format.safetensors' >'$tmp/$format.txt'"
done
check "float32 loses nothing" within "$(error_of float32 experts)" 0 0
check "bfloat16 has 8 bits" within "$(error_of bfloat16 experts)" 0.1 0.3
check "int8 loses half a percent" within "$(error_of int8 experts)" 0.2 1
check "int4 loses a tenth" within "$(error_of int4 experts)" 3 15
check "routers lose nothing" within "$(error_of int4 router)" 0 0
check_equal "the same parameters" "$(json "$tmp/int4.safetensors" "d['parameters']")" "$(json "$model" "d['parameters']")"
check_equal "nnet-info: formats" \
  "$(json "$tmp/int4.safetensors" "[(k, w['format'], w['packed']) for k, w in d['weights'].items() if k in ('experts', 'router', 'subsampling')]")" \
  "[('experts', 'int4', True), ('router', 'float32', True), ('subsampling', 'float32', False)]"
check_equal "the history names it" "$(json "$tmp/int8.safetensors" "d['history'][-1]['options']")" \
  "weights=int8 group-size=0 what=all"

check "the float32 model" forward "$model" "ark:$dir/feats.ark" "ark,t:$tmp/want" "ark:$tmp/enc"
for format in float32 bfloat16 int8 int4; do
  check_fails "$format: from the file, named" 0 "thread, $format," nnet-forward --stats="$tmp/stats.json" \
    "$tmp/$format.safetensors" "ark:$dir/feats.ark" "ark,t:$tmp/file.$format" "ark:$tmp/enc.$format"
  check "$format: in the statistics" grep -q "\"precision\": *\"$format\"" "$tmp/stats.json"
  check "$format: packed when read" forward --precision=$format "$model" "ark:$dir/feats.ark" "ark,t:$tmp/read.$format"
  check "$format: both are one" cmp "$tmp/file.$format" "$tmp/read.$format"
done
check "float32 packed or not" cmp "$tmp/file.float32" "$tmp/want"
check_equal "int8 is not float32" "$(cmp -s "$tmp/file.int8" "$tmp/want"; echo $?)" 1
for threads in 1 3; do
  forward --threads=$threads "$tmp/int4.safetensors" "ark:$dir/feats.ark" "ark:$tmp/t$threads" 2>/dev/null
done
check "3 threads give the same bytes" cmp "$tmp/t1" "$tmp/t3"

check "n-best lists" ctc-decode --print-args=false --nbest=10 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/nbest" "ark,t:$tmp/scores"
check_fails "rescoring with int8" 0 'thread, int8,' attention-rescore "$tmp/int8.safetensors" "ark:$tmp/enc.int8" \
  "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/int8.tokens"
check "rescoring packed when read" attention-rescore --print-args=false --precision=int8 "$model" "ark:$tmp/enc.int8" \
  "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/read.tokens"
check "both are one" cmp "$tmp/int8.tokens" "$tmp/read.tokens"

check "experts only, groups of 16" quantize --weights=int4 --what=experts --group-size=16 "$model" "$tmp/x4.safetensors"
check_equal "others keep float32" \
  "$(json "$tmp/x4.safetensors" "[d['weights'][k]['format'] for k in ('experts', 'attention', 'output')]")" "['int4', 'float32', 'float32']"
check_fails "both formats are named" 0 'float32\+int4' nnet-forward "$tmp/x4.safetensors" "ark:$dir/feats.ark" "ark:$tmp/x"
check "a checked copy" nnet-copy --print-args=false "$tmp/x4.safetensors" "$tmp/copy.safetensors"
check "is the same file" cmp "$tmp/x4.safetensors" "$tmp/copy.safetensors"
check "through a pipe" bash -o pipefail -c "nnet-quantize --print-args=false '$model' '| cat >$tmp/pipe' && cmp '$tmp/pipe' '$tmp/int8.safetensors'"
check_equal "int4 is the smaller" "$(($(stat -c %s "$tmp/int4.safetensors") < $(stat -c %s "$tmp/int8.safetensors")))" 1

check "a model of 130 MB" nnet-init --print-args=false --units="$dir/units.txt" --preset=dense-225m --model-dim=400 --num-blocks=4 \
  --decoder-blocks=1 --reverse-decoder-blocks=1 "$tmp/large.safetensors"
check_peak "is never in memory" 45 nnet-quantize --print-args=false --weights=int8 "$tmp/large.safetensors" "$tmp/large.int8"
rm -f "$tmp"/large.*

check_fails "no averaging of packed models" 1 'int8.safetensors: its weights are packed for inference' \
  nnet-average "$tmp/int8.safetensors" "$tmp/int8.safetensors" "$tmp/avg"
check_fails "no packing twice" 1 'needs the float32 model' nnet-quantize "$tmp/int8.safetensors" "$tmp/twice"
check_fails "another precision than the file's" 2 'holds weights of int8; leave the option out' \
  nnet-forward --precision=int4 "$tmp/int8.safetensors" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "an unknown format" 2 "unknown format of weights 'int5'" nnet-quantize --weights=int5 "$model" "$tmp/no"
check_fails "an unknown part" 2 'what=router' nnet-quantize --what=router "$model" "$tmp/no"
check_fails "groups of 12" 2 'group-size=12: must be a multiple of 8' nnet-quantize --group-size=12 "$model" "$tmp/no"
dense=$(golden_path models/dense/weights.safetensors)
if [ -n "$dense" ]; then
  check "a dense model" nnet-import --print-args=false --units="$(dirname "$dense")/units.txt" \
    "$(dirname "$dense")/config.json" "$dense" "$tmp/dense.safetensors"
  check_fails "has no experts" 2 'is a dense model; try --what=ffn' nnet-quantize --what=experts "$tmp/dense.safetensors" "$tmp/no"
fi
head -c 3000 "$tmp/int8.safetensors" >"$tmp/short"
check_fails "a file cut short" 1 'short: ' nnet-forward "$tmp/short" "ark:$dir/feats.ark" "ark:$tmp/x"
check_equal "failures leave no file" "$(find "$tmp" -name no -o -name twice -o -name avg)" ""
