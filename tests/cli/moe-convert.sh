#!/usr/bin/env bash
# moe-convert: what each method makes of small models, what the result's history says, and what is refused.
. "$(dirname "$0")/../support/cli.sh"
export OPENBLAS_NUM_THREADS=1

printf '%s\n' '<blank> 0' 'a 1' 'b 2' 'c 3' '<sos/eos> 4' >"$tmp/units.txt"
printf '%s\n' feature-dim=10 model-dim=8 num-blocks=2 num-heads=2 conv-kernel=3 hidden-dim=8 decoder-blocks=1 \
  reverse-decoder-blocks=1 >"$tmp/model.conf"
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
convert() { moe-convert --print-args=false "$@"; }
forward() { nnet-forward --print-args=false "$1" "ark:$tmp/feats" "ark,t:$2" 2>/dev/null; }
info() { nnet-info --print-args=false "$1" | grep -E "$2"; }
same() { # MODEL MODEL: the same log-probabilities but for rounding
  forward "$1" "$tmp/same.1" && forward "$2" "$tmp/same.2" && awk -v limit=1e-4 'NR == FNR { a[FNR] = $0; next }
    { n = split(a[FNR], x); if (n != NF) exit bad = 1
      for (i = 1; i <= NF; ++i) { d = $i - x[i]; if (d > limit || -d > limit) exit bad = 1 } }
    END { exit bad || FNR < 20 }' "$tmp/same.1" "$tmp/same.2"
}
data=(--feats="ark:$tmp/feats" --tokens="ark:$tmp/tokens")

check "a dense model" init --seed=2 "$tmp/model.conf" "$tmp/dense"
check "a mixture" init --seed=3 --num-experts=4 "$tmp/model.conf" "$tmp/moe"

check "upcycles" convert --method=upcycle --num-experts=4 "$tmp/dense" "$tmp/up"
check "to the dense model" same "$tmp/dense" "$tmp/up"
check_equal "with experts" "$(info "$tmp/up" '^(decoder-)?num-experts=' | paste -sd' ')" "num-experts=4 decoder-num-experts=4"
check "the same again" convert --method=upcycle --num-experts=4 "$tmp/dense" "$tmp/up2"
check "gives the same bytes" cmp "$tmp/up" "$tmp/up2"
check_equal "the history names method, options and input" "$(info "$tmp/up" 'moe-convert' |
  grep -c '"hash":"[0-9a-f]\{16\}".*"method":"upcycle","model":"'"$tmp"'/dense","options":"part=all num-experts=4 .*seed=1"')" 1
check "upcycles the last layers alone, with another router" convert --method=upcycle --part=last --num-experts=3 \
  --mixture=router=rmoe,router-dim=4,balance-weight=0.01 "$tmp/dense" "$tmp/last"
check "still the dense model" same "$tmp/dense" "$tmp/last"
check_equal "the others stay dense" "$(info "$tmp/last" '^(decoder-)?(num-experts|layers)=' | paste -sd' ')" \
  "num-experts=0 layers=all.last:num-experts=3,router=rmoe,router-dim=4,balance-weight=0.01 decoder-num-experts=0 decoder-layers="
check "it trains" nnet-train --print-args=false --epochs=1 --spec-augment=false --batch-size=2 "$tmp/last" "ark:$tmp/feats" \
  "ark:$tmp/tokens" "$tmp/trained"
check "upcycles with noise" convert --method=upcycle --num-experts=4 --expert-noise=0.1 --router-gain=0.5 "$tmp/dense" "$tmp/noisy"
check_equal "to another model" "$(same "$tmp/dense" "$tmp/noisy"; echo $?)" 1

check "back to a dense model" convert --method=to-dense "$tmp/up" "$tmp/back"
forward "$tmp/dense" "$tmp/1" && forward "$tmp/back" "$tmp/2"
check "to the bit" cmp "$tmp/1" "$tmp/2"
check "keeps the experts that data use" convert --method=prune --num-experts=3 "${data[@]}" "$tmp/moe" "$tmp/pruned"
check_equal "says how much of the use stays" "$(grep -cE 'feed_forward.*: 3 of 4 experts stay, with [0-9.]+ % of the use' "$tmp/.check.err")" 6
check_equal "3 of 4" "$(info "$tmp/pruned" '^(decoder-)?num-experts=' | paste -sd' ')" "num-experts=3 decoder-num-experts=3"
check "keeps the experts of a list" convert --method=prune --keep=0,2,3 --part=encoder "$tmp/moe" "$tmp/listed"
check_equal "in the encoder" "$(info "$tmp/listed" '^(decoder-)?num-experts=' | paste -sd' ')" "num-experts=3 decoder-num-experts=4"
check "drops what is used too little" convert --method=prune --min-share=0.24 "${data[@]}" "$tmp/moe" "$tmp/shares"
check "merges" convert --method=merge --num-experts=2 "${data[@]}" "$tmp/moe" "$tmp/merged"
check_equal "two experts, and four choices" "$(info "$tmp/merged" '^(num-experts|bank|shared-experts)=' | paste -sd' ')" \
  "num-experts=4 bank=tied shared-experts=2"
check "merges equal experts" convert --method=merge --num-experts=1 "$tmp/up" "$tmp/one"
check "exactly" same "$tmp/dense" "$tmp/one"
check "joins a model with itself" convert --method=aoe "$tmp/moe" "$tmp/moe" "$tmp/joined"
check "exactly" same "$tmp/moe" "$tmp/joined"
check_equal "both are in its history" "$(info "$tmp/joined" 'moe-convert' | grep -c '"hash-2":"[0-9a-f]\{16\}"')" 1
check "swaps to ReLU" convert --method=relu "$tmp/dense" "$tmp/relu"
check "splits neurons into groups" convert --method=moefication --num-experts=4 --router-epochs=3 "${data[@]}" "$tmp/relu" "$tmp/groups"
check_equal "reports what they capture" "$(grep -cE 'feed_forward.*: [0-9]+ rows, .* % of the neurons active; 2 of 4 groups capture .*router .* %, centres .* %, random .* %, the best .* %' "$tmp/.check.err")" 6
check "all of them" convert --method=moefication --num-experts=4 --experts-per-frame=4 --router-epochs=1 "${data[@]}" "$tmp/relu" "$tmp/all"
check "are the dense model" same "$tmp/relu" "$tmp/all"
check_fails "Swish is not split" 2 'convert with --method=relu and train on' convert --method=moefication --num-experts=4 "${data[@]}" "$tmp/dense" "$tmp/never"
check_fails "nor into groups of different size" 2 'num-experts=3 does not divide the 8 neurons.*these do: 1, 2, 4, 8' \
  convert --method=moefication --num-experts=3 "${data[@]}" "$tmp/relu" "$tmp/never"
check_fails "moefication without data" 2 'needs data: give --feats' convert --method=moefication --num-experts=4 "$tmp/relu" "$tmp/never"
check "decomposes" convert --method=mpoe --num-experts=4 --mixture=mpo-shape=2x2x2/2x2x2 "$tmp/dense" "$tmp/mpo"
check "the dense model" same "$tmp/dense" "$tmp/mpo"
check "it trains" nnet-train --print-args=false --epochs=1 --spec-augment=false --batch-size=2 "$tmp/mpo" "ark:$tmp/feats" \
  "ark:$tmp/tokens" "$tmp/mpo-trained"
check "materialises" convert --method=materialise "$tmp/mpo-trained" "$tmp/whole"
check "the same model" same "$tmp/mpo-trained" "$tmp/whole"
check_fails "factors of another size" 2 'the products are not 8 and 8.*mpo-shape=2x2x2/2x2x2 will do' \
  convert --method=mpoe --num-experts=4 --mixture=mpo-shape=2x2x3/2x2x2 "$tmp/dense" "$tmp/never"
check "fits narrower experts" convert --method=ladimo --num-experts=3 --layer-epochs=2 "${data[@]}" "$tmp/dense" "$tmp/ladimo"
check_equal "says how near" "$(grep -cE 'feed_forward.*experts of 3 of 8 neurons; squared error .* % before and .* % after' "$tmp/.check.err")" 6
for router in rmoe speech-moe uniform-random tag-pools,router-pools=3; do
  check_fails "but not with router=$router" 2 'fits each layer alone and row by row' convert --method=ladimo --num-experts=3 \
    --experts-per-frame=1 --part=encoder --mixture="router=$router" --feats="ark:$tmp/feats" "$tmp/dense" "$tmp/never"
done
printf '%s\n' 'utt1 de' 'utt2 fr' 'utt3 de' >"$tmp/utt2lang"
check "cuts experts of languages" convert --method=read-me --mixture=router-dim=4 --labels="ark:$tmp/utt2lang" "${data[@]}" \
  "$tmp/dense" "$tmp/languages"
check_equal "names them" "$(grep -oE "expert . is of label '..'" "$tmp/.check.err" | paste -sd' ')" "expert 0 is of label 'de' expert 1 is of label 'fr'"
check_equal "and leaves decoders dense" "$(info "$tmp/languages" '^(decoder-)?(num-experts|router)=' | paste -sd' ')" \
  "num-experts=2 router=read-me decoder-num-experts=0 decoder-router=topk-softmax"
teach=(nnet-train --print-args=false --spec-augment=false --batch-size=2 --epochs=2 --average=1)
check "its router is taught by the dense model" "${teach[@]}" --exp-dir="$tmp/taught" --route-teacher="$tmp/dense" --verbose-losses \
  "$tmp/languages" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/taught.model"
check_equal "which the log tells" "$(grep -c 'epoch 2 of 2: train loss .*route-teacher [0-9.]*' "$tmp/.check.err") \
$(grep -c 'loss route-teacher by layer: encoder.encoders' "$tmp/.check.err")" "1 2"
check_fails "and goes on only so" 2 'route-teacher' "${teach[@]}" --exp-dir="$tmp/taught" --epochs=3 \
  "$tmp/languages" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/never"
check "in rounds: the router" "${teach[@]}" --exp-dir="$tmp/round" --route-teacher="$tmp/dense" \
  --freeze=experts,feed-forward,attention,convolution,embedding,norm,subsampling,output \
  "$tmp/languages" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/round.model"
check "then the rest" "${teach[@]}" --exp-dir="$tmp/rest" --freeze=router \
  "$tmp/round.model" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/rest.model"
check_fails "a teacher that it was not cut out of" 2 'is a mixture, so it is not the dense model' "${teach[@]}" \
  --route-teacher="$tmp/moe" "$tmp/languages" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/never"
check_fails "a model that was not cut" 2 'make it with moe-convert --method=read-me' "${teach[@]}" \
  --route-teacher="$tmp/dense" "$tmp/moe" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/never"
check_fails "a weight of nothing" 2 'route-teacher-weight=0: expected a positive' "${teach[@]}" --route-teacher-weight=0 \
  --route-teacher="$tmp/dense" "$tmp/languages" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/never"
check_fails "decoders alone" 2 'router=read-me is for encoders; give another' convert --method=read-me --part=decoders \
  --labels="ark:$tmp/utt2lang" "${data[@]}" "$tmp/dense" "$tmp/never"
check_fails "read-me without labels" 2 'give --labels' convert --method=read-me "${data[@]}" "$tmp/dense" "$tmp/never"
for model in languages taught.model ladimo mpo groups up last pruned shares merged joined; do
  check "$model goes through int8" nnet-quantize --print-args=false --weights=int8 "$tmp/$model" "$tmp/int8"
  check "and infers" nnet-forward --print-args=false "$tmp/int8" "ark:$tmp/feats" ark:/dev/null
  check "$model streams" nnet-forward --print-args=false --chunk-size=4 --streaming "$tmp/$model" "ark:$tmp/feats" ark:/dev/null
  check "$model has statistics" moe-route-stats --print-args=false "$tmp/$model" "ark:$tmp/feats"
done

check_fails "moe-calibrate has nothing to find in groups of neurons" 2 'mixtures of neuron-groups, whose gates weigh nothing' \
  moe-calibrate --print-args=false "$tmp/groups" "ark:$tmp/feats" "$tmp/never"
cp "$tmp/dense" "$tmp/kept"
check_fails "never over its input" 2 'would be written over an input' convert --method=upcycle --num-experts=2 "$tmp/dense" "$tmp/dense"
check "which is as it was" cmp "$tmp/dense" "$tmp/kept"
check_fails "no method" 2 '--method is missing' convert "$tmp/dense" "$tmp/never"
check_fails "an unknown method" 2 'method=grow: expected one of upcycle, to-dense, prune' convert --method=grow "$tmp/dense" "$tmp/never"
check_fails "an option of another method" 2 'keep is not read by --method=upcycle' convert --method=upcycle --keep=1 "$tmp/dense" "$tmp/never"
check_fails "a dense model to be pruned" 2 'is for mixtures, but the model has none.*upcycle' convert --method=prune --keep=0 "$tmp/dense" "$tmp/never"
check_fails "a mixture to be upcycled" 2 'is for dense layers, but the model has none.*to-dense' convert --method=upcycle --num-experts=2 "$tmp/moe" "$tmp/never"
check_fails "pruning without data" 2 'needs data on which use is counted' convert --method=prune --num-experts=2 "$tmp/moe" "$tmp/never"
check_fails "pruning decoders without tokens" 2 'give --tokens.*or leave them as they are with --part=encoder' \
  convert --method=prune --num-experts=2 --feats="ark:$tmp/feats" "$tmp/moe" "$tmp/never"
check_fails "fewer experts than work on a frame" 2 '2 of which work on a frame; so many must stay' \
  convert --method=prune --num-experts=1 "${data[@]}" "$tmp/moe" "$tmp/never"
check_fails "one model where two are needed" 2 'method=aoe reads 2 model.s., not 1' convert --method=aoe "$tmp/moe" "$tmp/never"
check_fails "two of different shapes" 2 'the two models differ in' convert --method=aoe "$tmp/moe" "$tmp/pruned" "$tmp/never"
head -c 900 "$tmp/feats" >"$tmp/cut"
check_fails "bad features" 1 'cut.*truncated' convert --method=prune --num-experts=2 --part=encoder --feats="ark:$tmp/cut" "$tmp/moe" "$tmp/never"
check_fails "a packed model" 1 'packed' convert --method=to-dense "$tmp/int8" "$tmp/never"
check_equal "and no model is left" "$(test -e "$tmp/never"; echo $?)" 1
check_fails "no arguments" 2 'Usage: moe-convert' convert
check "help" convert --help
