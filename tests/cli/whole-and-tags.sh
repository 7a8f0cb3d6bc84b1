#!/usr/bin/env bash
# Routers with limits through the tools: expert choice takes whole utterances only, pools of experts need the tags of
# utterances.
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
  for (n = 1; n <= 4; ++n) {
    printf "utt%d  [\n", n
    for (t = 0; t < 40 + 10 * n; ++t) {
      for (d = 0; d < 10; ++d) printf " %.3f", 4 * rand() - 2
      print t == 39 + 10 * n ? " ]" : ""
    }
  }
}' >"$tmp/feats"
printf '%s\n' 'utt1 1 2' 'utt2 3' 'utt3 3 3 1' 'utt4 2 2' >"$tmp/tokens"
printf '%s\n' 'utt1 de' 'utt2 en' 'utt3 de' 'utt4 en' >"$tmp/utt2lang"
init() { nnet-init --print-args=false --units="$tmp/units.txt" "$@"; }
forward() { nnet-forward --print-args=false "$@"; }
train() { # MODEL OUT options...
  local model=$1 out=$2
  shift 2
  nnet-train --print-args=false --epochs=1 --average=1 --batch-size=2 --max-t=8 --max-f=3 --exp-dir="$out.exp" \
    --dev-feats="ark:$tmp/feats" --dev-tokens="ark:$tmp/tokens" "$@" "$model" "ark:$tmp/feats" "ark:$tmp/tokens" "$out"
}

m=$tmp/choice
check "expert choice is made" init --router=expert-choice --decoder-router=topk-softmax --dynamic-chunk=false \
  "$tmp/model.conf" "$m"
check "runs one by one" forward --batch-seconds=0 "$m" "ark:$tmp/feats" "ark:$m.one"
check "runs in a batch" forward --batch-seconds=30 "$m" "ark:$tmp/feats" "ark:$m.batch"
check "company does not matter" cmp "$m.one" "$m.batch"
check_fails "no chunks" 2 '--chunk-size=4: router=expert-choice of encoder.encoders.0.feed_forward_macaron chooses by all frames of an utterance' \
  forward --chunk-size=4 "$m" "ark:$tmp/feats" ark:/dev/null
check_fails "no streams" 2 '--streaming: router=expert-choice' \
  forward --chunk-size=4 --streaming=true "$m" "ark:$tmp/feats" ark:/dev/null
check_fails "no statistics of chunks" 2 '--chunk-size=4: router=expert-choice' \
  moe-route-stats --chunk-size=4 "$m" "ark:$tmp/feats"
check_equal "all experts have the same load" \
  "$(moe-route-stats --print-args=false "$m" "ark:$tmp/feats" 2>/dev/null | grep -c ' 25.0  25.0  25.0  25.0  entropy 1.000')" 4
check "is trained" train "$m" "$m.trained"

m=$tmp/pools
check "pools are made" init --layers=all:router=tag-pools,router-pools=2 "$tmp/model.conf" "$m"
check_fails "training needs tags" 2 'experts are in 2 pools by tag .router=tag-pools.: give --tags' train "$m" "$m.never"
check "with them it trains" train "$m" "$m.trained" --tags="ark:$tmp/utt2lang"
check "and again on two threads" train "$m" "$m.again" --tags="ark:$tmp/utt2lang" --threads=2
check "to the bit" cmp "$m.trained" "$m.again"
check "runs with tags" forward --tags="ark:$tmp/utt2lang" "$m.trained" "ark:$tmp/feats" "ark:$m.one"
check "in a batch" forward --batch-seconds=30 --tags="ark:$tmp/utt2lang" "$m.trained" "ark:$tmp/feats" "ark:$m.batch"
check "the same" cmp "$m.one" "$m.batch"
check "in chunks" forward --chunk-size=4 --tags="ark:$tmp/utt2lang" "$m.trained" "ark:$tmp/feats" "ark:$m.chunks"
check "as a stream" forward --chunk-size=4 --streaming=true --tags="ark:$tmp/utt2lang" "$m.trained" "ark:$tmp/feats" \
  "ark:$m.stream"
check "much the same" compare-feats --print-args=false --threshold=0.99999 "ark:$m.chunks" "ark:$m.stream"
moe-route-stats --print-args=false --tags="ark:$tmp/utt2lang" --labels="ark:$tmp/utt2lang" "$m.trained" \
  "ark:$tmp/feats" >"$tmp/table" 2>/dev/null
check_equal "each language has its pool" "$(sed -n '/^de$/,/^$/p' "$tmp/table" | grep -c '  0.0   0.0  entropy')" 4
check_equal "the other one too" "$(sed -n '/^en$/,$p' "$tmp/table" | grep -c 'feed_forward[_macaron]*  *0.0   0.0 ')" 4
check_fails "inference needs tags" 2 'give --tags, a table such as ark:utt2lang, with the tags de, en' \
  forward "$m.trained" "ark:$tmp/feats" ark:/dev/null
sed 's/en$/fr/' "$tmp/utt2lang" >"$tmp/french"
check_fails "a tag that training never saw" 1 "utt2.*the tag 'fr' of utt2 is none that the model was trained with .de, en." \
  forward --tags="ark:$tmp/french" "$m.trained" "ark:$tmp/feats" ark:/dev/null
printf '%s\n' 'utt1 a' 'utt2 b' 'utt3 c' >"$tmp/three"
check_fails "more tags than pools" 2 'holds 3 tags .*router-pools=2; make a model with as many pools as tags' \
  train "$m" "$m.never" --tags="ark:$tmp/three"
cp "$tmp/utt2lang" "$tmp/more"
echo 'utt5 fr' >>"$tmp/more"
init --layers=all:router=tag-pools,router-pools=4,num-experts=8 "$tmp/model.conf" "$tmp/many" 2>/dev/null
check_fails "a tag of no training utterance" 2 "the tag 'fr', but no training utterance has it" \
  train "$tmp/many" "$m.never" --tags="ark:$tmp/more"
check_fails "an utterance without a tag" 1 'utt4.*there is no tag of utt4' \
  forward --tags="ark:head -n 3 $tmp/utt2lang |" "$m.trained" "ark:$tmp/feats" ark:/dev/null
check_fails "other tools say who can" 1 'nnet-train, nnet-forward and moe-route-stats take --tags' \
  moe-calibrate --print-args=false "$m.trained" "ark:$tmp/feats" "$m.never"
check "a plain model is made" init "$tmp/model.conf" "$tmp/plain"
check_fails "tags for a plain model" 2 'no router of the model looks at tags' \
  forward --tags="ark:$tmp/utt2lang" "$tmp/plain" "ark:$tmp/feats" ark:/dev/null
