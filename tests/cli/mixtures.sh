#!/usr/bin/env bash
# Each router and each bank of experts through the tools: made, run whole, in chunks and as a stream, in int8,
# counted, trained; layers that differ; what does not go together is refused by name.
. "$(dirname "$0")/../support/cli.sh"
export OPENBLAS_NUM_THREADS=1

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
awk 'BEGIN {
  srand(3)
  for (n = 1; n <= 3; ++n) {
    printf "utt%d  [\n", n
    for (t = 0; t < 40 + 10 * n; ++t) {
      for (d = 0; d < 10; ++d) printf " %.3f", 4 * rand() - 2
      print t == 39 + 10 * n ? " ]" : ""
    }
  }
}' >"$tmp/feats"
printf '%s\n' 'utt1 1 2' 'utt2 3' 'utt3 3 3 1' >"$tmp/tokens"
init() { nnet-init --print-args=false --units="$tmp/units.txt" "$@"; }
encode() { # MODEL OUT options...
  local model=$1 out=$2
  shift 2
  nnet-forward --print-args=false "$@" "$model" "ark:$tmp/feats" "ark:$out"
}
alike() { compare-feats --print-args=false --threshold="$3" "ark:$1" "ark:$2"; }
differ() { ! cmp -s "$1" "$2"; }

try() { # NAME options...
  local name=$1 m=$tmp/$1
  shift
  check "$name: is made" init "$@" "$tmp/model.conf" "$m"
  check "$name: runs" encode "$m" "$m.whole"
  check "$name: in chunks" encode "$m" "$m.chunks" --chunk-size=4 --num-left-chunks=2
  check "$name: as a stream" encode "$m" "$m.stream" --chunk-size=4 --num-left-chunks=2 --streaming=true
  check "$name: a stream is the chunks" alike "$m.stream" "$m.chunks" 0.99999
  check "$name: in int8" nnet-quantize --print-args=false --weights=int8 "$m" "$m.int8"
  check "$name: int8 runs" encode "$m.int8" "$m.whole8"
  check "$name: int8 is much the same" alike "$m.whole8" "$m.whole" 0.99
  check "$name: under a budget" encode "$m" "$m.budget" --chunk-size=4 --expert-budget=2
  check "$name: is counted" moe-route-stats --print-args=false --tokens="ark:$tmp/tokens" "$m" "ark:$tmp/feats"
  check "$name: is trained" nnet-train --print-args=false --epochs=1 --average=1 --exp-dir="$m.exp" --batch-size=2 \
    --dev-feats="ark:$tmp/feats" --dev-tokens="ark:$tmp/tokens" --max-t=8 --max-f=3 \
    "$m" "ark:$tmp/feats" "ark:$tmp/tokens" "$m.trained"
  check "$name: has learned" differ "$m" "$m.trained"
}
try topk-softmax --router=topk-softmax
try switch --router=switch --experts-per-frame=1 --balance-weight=0.01
try rmoe --router=rmoe --router-dim=3
try shared-topk --router=shared-topk --z-weight=0.001
try noisy-topk --router=noisy-topk --router-noise=2
try shared-experts --bank=shared-plus-routed --shared-experts=1
try tied --bank=tied --shared-experts=2
try groups --bank=neuron-groups --router=group-mlp
try mpo --layers=all:bank=mpo,mpo-shape=2x2x2/2x2x2
try mixed --router=rmoe --layers='0.macaron:num-experts=0;1.last:num-experts=6,bank=shared-plus-routed,shared-experts=2'
try speech-moe --router=speech-moe --experts-per-frame=1 --decoder-num-experts=0 --layers='all:router-layers=1'
check "speech-moe: the loss of its embedding network is in the log" grep -q embed_ctc "$tmp/speech-moe.exp/log.jsonl"
try segment --router=segment --experts-per-frame=1 --decoder-num-experts=0 --layers='all:router-segment=3'
try read-me --router=read-me --experts-per-frame=1 --router-dim=4 --balance-weight=0.01 --decoder-num-experts=0 \
  --decoder-router-dim=0 --decoder-balance-weight=0
check_fails "read-me: experts that were cut from nothing have no teacher" 2 'no mixture .* make it with moe-convert --method=read-me' \
  nnet-train --print-args=false --route-teacher="$tmp/topk-softmax" "$tmp/read-me" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/never"
try kinds --layers='0.last:router=switch,experts-per-frame=1;1.macaron:router=noisy-topk'
both() { # SETTINGS of all layers, encoder and decoders
  printf '%s\n' "--layers=all:$1" "--decoder-layers=all:$1"
}
mapfile -t settings < <(both router=sigmoid-bias,router-bias-rate=0.01)
try sigmoid-bias "${settings[@]}"
mapfile -t settings < <(both router=top-p,router-threshold=0.6,experts-per-frame=3)
try top-p "${settings[@]}"
try fixed-random --router=fixed-random
try uniform-random --router=uniform-random --experts-per-frame=1
try position-hash --router=position-hash
mapfile -t settings < <(both router-jitter=0.1,capacity-factor=0.5)
try limited "${settings[@]}"
check_equal "what was dropped is in the log" \
  "$(grep -c '"dropped":0\.[0-9]*,"dropped_by_tenth":\[' "$tmp/limited.exp/log.jsonl")" 1
check_equal "and counted offline" \
  "$(moe-route-stats --print-args=false --capacity=true "$tmp/limited" "ark:$tmp/feats" 2>/dev/null |
    grep -c 'dropped at full experts [0-9.]* % (by tenth')" 4
check_fails "but not in chunks" 2 '--capacity with --chunk-size=4: which frames lose an expert depends on those to come' \
  moe-route-stats --capacity=true --chunk-size=4 "$tmp/limited" "ark:$tmp/feats"

refused() { # NAME REGEX options...
  local name=$1 regex=$2
  shift 2
  check_fails "$name" 2 "$regex" init "$@" "$tmp/model.conf" "$tmp/never"
}
refused "an unknown router" 'router=x is unknown; there is topk-softmax, switch' --router=x
refused "switch with two" 'experts-per-frame=2 is outside 1 to 1, what router=switch takes' --router=switch
refused "shared experts without their bank" 'shared-experts=1 does not go with bank=full' --shared-experts=1
refused "their bank without them" 'shared-experts=0 does not go with bank=shared' --bank=shared-plus-routed
refused "one router for different numbers" 'mixtures of 4 and of 6 experts cannot share a router' \
  --router=shared-topk --layers='1.last:num-experts=6'
refused "an embedding that decoders do not have" 'decoder-router=speech-moe is for encoders' --router=speech-moe
refused "averages of a bank that has none" 'bank=shared-plus-routed cannot average' --router=segment \
  --experts-per-frame=1 --decoder-num-experts=0 --bank=shared-plus-routed --shared-experts=1
refused "whole utterances with chunks" 'router=smear .*dynamic-chunk=false' --router=smear --experts-per-frame=1 \
  --decoder-num-experts=0
check "smear: is made" init --router=smear --experts-per-frame=1 --decoder-num-experts=0 --dynamic-chunk=false \
  "$tmp/model.conf" "$tmp/smear"
check "smear: runs" encode "$tmp/smear" "$tmp/smear.whole"
for how in --chunk-size=4 '--chunk-size=4 --streaming=true'; do
  check_fails "smear: refuses $how" 2 'router=smear of .* chooses by all frames of an utterance' encode "$tmp/smear" "$tmp/never" $how
done
check_fails "segment: has no second expert to skip" 2 'router segment, which averages its experts: there is no second' \
  moe-calibrate --print-args=false "$tmp/segment" "ark:$tmp/feats" "$tmp/never"
refused "one expert whose gate is 1 whatever the router says" 'router gets no gradient.*router=switch' \
  --experts-per-frame=1
refused "a setting of another router" 'layers: block 0.macaron: router-threshold=0.5 is not read by router=topk-softmax, only by top-p' \
  --layers=all:router-threshold=0.5
refused "a width that no router has" 'router-dim is read by no mixture.*leave it out' --router-dim=8
refused "noise that no router adds" 'router-noise is read by no mixture.*leave it out' --router-noise=2
check "what one of them reads" init --decoder-router=rmoe --router-dim=8 "$tmp/model.conf" "$tmp/reads"
refused "losses that nobody learns from" 'balance-weight=0.1 has no effect with router=position-hash' \
  --router=position-hash --balance-weight=0.1
refused "expert choice in decoders" 'decoder-router=expert-choice: an expert chooses among all tokens' \
  --router=expert-choice --dynamic-chunk=false
refused "expert choice under chunk masks" 'dynamic-chunk=true: router=expert-choice of encoder.encoders.0.feed_forward_macaron chooses by all frames' \
  --router=expert-choice --decoder-router=topk-softmax
