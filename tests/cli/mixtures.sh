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
try kinds --layers='0.last:router=switch,experts-per-frame=1;1.macaron:router=noisy-topk'

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
refused "one expert whose gate is 1 whatever the router says" 'router gets no gradient.*router=switch' \
  --experts-per-frame=1
