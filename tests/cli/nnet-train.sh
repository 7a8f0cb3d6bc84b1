#!/usr/bin/env bash
# nnet-train on a tiny set: result, log, bad utterances, wrong usage, stopping and resuming.
. "$(dirname "$0")/../support/cli.sh"
export OPENBLAS_NUM_THREADS=1

printf '%s\n' '<blank> 0' 'a 1' 'b 2' 'c 3' '<sos/eos> 4' >"$tmp/units.txt"
cat >"$tmp/model.conf" <<'EOF'
feature-dim=10
model-dim=8
num-blocks=1
num-heads=2
conv-kernel=3
hidden-dim=8
num-experts=3
decoder-blocks=1
reverse-decoder-blocks=1
EOF
# COUNT utterances of 40 frames whose first dimensions tell the labels.
features() {
  awk -v count="$1" 'BEGIN {
    srand(7)
    for (n = 1; n <= count; ++n) {
      printf "utt%d  [\n", n
      for (t = 0; t < 40; ++t) {
        for (d = 0; d < 10; ++d) printf " %.3f", rand() + (int(t / 14) + n) % 3 + 1 == d ? 2 : 0
        print t == 39 ? " ]" : ""
      }
    }
  }'
}
tokens() { awk -v count="$1" 'BEGIN { for (n = 1; n <= count; ++n) print "utt" n, n % 3 + 1, (n + 1) % 3 + 1 }'; }
features 6 >"$tmp/feats" && tokens 6 >"$tmp/tokens"
features 2 >"$tmp/dev-feats" && tokens 2 >"$tmp/dev-tokens"
nnet-init --print-args=false --units="$tmp/units.txt" "$tmp/model.conf" "$tmp/init" 2>"$tmp/init.log" || cat "$tmp/init.log"

common=(--print-args=false --batch-size=3 --bucket-size=6 --warmup-steps=4 --learning-rate=0.01 --max-t=8 --max-f=3)
dev=(--dev-feats="ark:$tmp/dev-feats" --dev-tokens="ark:$tmp/dev-tokens")
train() { nnet-train "${common[@]}" "$@"; } # options... <model> <feats> <tokens> <out>
data=("$tmp/init" "ark:$tmp/feats" "ark:$tmp/tokens")

check "trains" train "${dev[@]}" --epochs=6 --average=2 --exp-dir="$tmp/exp" "${data[@]}" "$tmp/a"
check_equal "says nothing on stdout" "$(cat "$tmp/.check.out")" ""
check_equal "one line of log per epoch" "$(wc -l <"$tmp/exp/log.jsonl")" 6
check_equal "the log counts the epochs" "$(sed -E 's/.*"epoch":([0-9]+).*/\1/' "$tmp/exp/log.jsonl" | tr '\n' ' ')" "1 2 3 4 5 6 "
losses=$(sed -E 's/.*"train_loss":([0-9.]+).*/\1/' "$tmp/exp/log.jsonl")
check_equal "the loss falls" "$(head -n 1 <<<"$losses" | awk -v last="$(tail -n 1 <<<"$losses")" '{ print (last < $1) }')" 1
check_equal "the history names the training" "$(nnet-info --print-args=false "$tmp/a" 2>/dev/null | grep -c 'nnet-train')" 1
check "the model can be read" nnet-copy --print-args=false "$tmp/a" "$tmp/copy"
check "trains again, elsewhere" train "${dev[@]}" --epochs=6 --average=2 --exp-dir="$tmp/exp2" "${data[@]}" "$tmp/b"
check "the same bytes" cmp "$tmp/a" "$tmp/b"
check "a complete training again" train "${dev[@]}" --epochs=6 --average=2 --exp-dir="$tmp/exp" "${data[@]}" "$tmp/again"
check "gives the same bytes" cmp "$tmp/a" "$tmp/again"
mkdir "$tmp/folder"
check_fails "a result that is a folder is found before the training" 1 'cannot write .*/folder: it is a directory' train --epochs=1 "${data[@]}" "$tmp/folder"
check_equal "before" "$(grep -c 'epoch 1' "$tmp/.check.err")" 0
check_fails "a folder for checkpoints below a file" 1 'cannot make the folder --exp-dir=.*/feats/x: Not a directory' train --epochs=1 --exp-dir="$tmp/feats/x" "${data[@]}" "$tmp/never"
check_fails "an infinite learning rate" 2 '--learning-rate=inf: expected a positive number' train --learning-rate=inf "${data[@]}" "$tmp/never"
check "without folder and dev data" train --epochs=1 "${data[@]}" "$tmp/plain"
check "with two threads" train --epochs=1 --threads=2 "${data[@]}" "$tmp/threads"
check "the same bytes with two threads" cmp "$tmp/plain" "$tmp/threads"
# Losses of routers are terms of the total, in log and report, by name.
sed 's/num-experts=3/&\nbalance-weight=0.5\nz-weight=0.01/' "$tmp/model.conf" >"$tmp/balance.conf"
check "a model with losses on its routers" nnet-init --print-args=false --units="$tmp/units.txt" "$tmp/balance.conf" "$tmp/balance"
check "is trained" train "${dev[@]}" --epochs=2 --exp-dir="$tmp/exp-balance" "$tmp/balance" "${data[@]:1}" "$tmp/balanced"
check_equal "the report names its losses" "$(grep -cE 'epoch [12] of 2: train loss [0-9.]+ \(balance [0-9.]+, ctc [0-9.]+, l2r [0-9.]+, r2l [0-9.]+, z [0-9.]+\), dev loss [0-9.]+ \(ctc' "$tmp/.check.err")" 2
check_equal "so does the log" "$(grep -c '"train_balance":[0-9.]*,.*"train_z":.*"min_expert_load":' "$tmp/exp-balance/log.jsonl")" 2
# Elastic, by role, taught, on a network, with a schedule: each says what it did.
printf 'beta\n1 2 4\n2 1 4\n4 4 1\n' >"$tmp/network"
lab=("${dev[@]}" --epochs=2 --exp-dir="$tmp/exp-lab" --elastic --freeze=embedding --role-rates=router=0.5 --weight-decay=0.01
  --teacher="$tmp/a" --teacher-temperature=2 --topology="$tmp/network" "--aux-schedule=1:0,2:1" --verbose-losses)
check "all that a laboratory asks for" train "${lab[@]}" "$tmp/balance" "${data[@]:1}" "$tmp/lab"
for line in 'trained parameters: router [0-9]+ at 0.5 of the rate with decay 0.01, .*; frozen: embedding [0-9]+' \
  'epoch 2: smallest load of an expert [0-9.e-]+ of an even share: expert . of encoder' \
  'epoch 2: simulated network: slowest link [0-9.e+]+ ms for the rows of a mixture and step, [0-9.e+]+ ms if' \
  'epoch 2: loss balance by layer: decoder.left_decoder.decoders.0.feed_forward [0-9.]+, .*encoder.encoders.0.feed_forward_macaron [0-9.]+' \
  'epoch 1 of 2: train loss .*teacher_ctc [0-9.]+, teacher_l2r'; do
  check_equal "says $line" "$(grep -cE "$line" "$tmp/.check.err")" 1
done
check_equal "so does the log" "$(grep -c '"train_balance.encoder.*"train_experts_per_frame":[12].*"slowest_link_seconds":.*"local_share":' "$tmp/exp-lab/log.jsonl")" 2
check_fails "and goes on only so" 2 'weight-decay is 0.01 there and 0.02 here' train "${lab[@]}" --weight-decay=0.02 "$tmp/balance" "${data[@]:1}" "$tmp/never"
printf 'beta\n1 2\n2 1\n' >"$tmp/two-ranks"
check_fails "a network of another size" 2 'two-ranks has 2 ranks, among which 3 experts of the model cannot be divided' \
  train --topology="$tmp/two-ranks" "${data[@]}" "$tmp/never"
check_fails "a role that is not there" 2 'freeze: feed-forwards is no role of parameters; there is router, experts' \
  train --freeze=experts,feed-forwards "${data[@]}" "$tmp/never"
check_fails "a teacher that is no model" 1 'feats' train --teacher="$tmp/feats" "${data[@]}" "$tmp/never"
check_fails "a teacher of routes for another router" 2 'route-teacher=.*/a: no mixture .* make it with moe-convert' \
  train --route-teacher="$tmp/a" "${data[@]}" "$tmp/never"
check "features from a pipe" bash -o pipefail -c \
  "cat '$tmp/feats' | nnet-train ${common[*]} --epochs=1 '$tmp/init' ark:- 'ark:$tmp/tokens' '$tmp/piped'"
check "give the same" cmp "$tmp/plain" "$tmp/piped"

# Stopped in the middle and begun again. Without the kill it would never end, and how long it is to be is decided
# after the kill, so that no machine is too fast or too busy.
mkdir "$tmp/killed"
nnet-train "${common[@]}" "${dev[@]}" --epochs=1000000 --average=2 --exp-dir="$tmp/killed" "${data[@]}" "$tmp/killed-model" \
  2>/dev/null &
pid=$!
while kill -0 $pid 2>/dev/null && [ "$(cat "$tmp/killed/log.jsonl" 2>/dev/null | wc -l)" -lt 3 ]; do sleep 0.01; done
check_fails "another training in its folder" 1 "killed: another nnet-train is at work" \
  train "${dev[@]}" --epochs=2 --exp-dir="$tmp/killed" "${data[@]}" "$tmp/second"
check "is refused before it does anything" kill -0 $pid
kill -9 $pid
wait $pid 2>/dev/null
status=$?
done_epochs=$(wc -l <"$tmp/killed/log.jsonl")
check_equal "killed in the middle" "$status $((done_epochs >= 3))" "137 1"
check_equal "leaves no model" "$(ls "$tmp/killed-model" 2>/dev/null)" ""
: >"$tmp/killed/.log.jsonl.tmp-1-0" # as if it had died in the middle of a line of its log
whole=(--epochs=$((done_epochs + 5)) --average=2)
check "whole" train "${dev[@]}" "${whole[@]}" --exp-dir="$tmp/whole" "${data[@]}" "$tmp/whole-model"
check "resumes" train "${dev[@]}" "${whole[@]}" --exp-dir="$tmp/killed" "${data[@]}" "$tmp/killed-model"
check_equal "says so" "$(grep -c "resuming after epoch $done_epochs of" "$tmp/.check.err")" 1
check "as if it had not been killed" cmp "$tmp/whole-model" "$tmp/killed-model"
check_equal "no temporary file is left" "$(find "$tmp/killed" "$tmp/whole" -name '*.tmp-*')" ""

# A disk that is full in the middle of a checkpoint: what is complete stays, and where there is room the training goes
# on from it.
full_disk() { # FOLDER COPY cmd...: runs cmd with a small disk at FOLDER, copies FOLDER/exp to COPY
  unshare -rm bash -c 'mount -t tmpfs -o size=240k tmpfs "$0" || exit 77
    copy=$1 status=0
    shift
    "$@" || status=$?
    cp -a "$0/exp" "$copy"
    exit "$status"' "$@"
}
mkdir "$tmp/disk"
if unshare -rm bash -c "mount -t tmpfs -o size=64k tmpfs '$tmp/disk'" 2>/dev/null; then
  check_fails "full disk" 1 "cannot write $tmp/disk/exp/[a-z0-9.-]+: No space left on device" full_disk "$tmp/disk" "$tmp/saved" \
    nnet-train "${common[@]}" "${dev[@]}" "${whole[@]}" --keep-checkpoints --exp-dir="$tmp/disk/exp" "${data[@]}" "$tmp/saved-model"
  check_equal "full disk: no model" "$(ls "$tmp/saved-model" 2>/dev/null)" ""
  check_equal "full disk: nothing half-written" "$(find "$tmp/saved" -name '*.tmp-*')" ""
  check "full disk: goes on with room" train "${dev[@]}" "${whole[@]}" --exp-dir="$tmp/saved" "${data[@]}" "$tmp/saved-model"
  check_equal "full disk: not from the start" "$(grep -c 'resuming after epoch [12] of' "$tmp/.check.err")" 1
  check "full disk: as if there had been room" cmp "$tmp/whole-model" "$tmp/saved-model"
else
  skip "full disk" "no tmpfs can be mounted here"
fi
check_fails "a model that does not fit" 1 'cannot write /dev/full: No space left' train --epochs=1 "${data[@]}" /dev/full
echo taken >"$tmp/taken"
check_fails "a folder that is a file" 1 'taken' train --epochs=1 --exp-dir="$tmp/taken" "${data[@]}" "$tmp/bad"

# Damaged and foreign models.
for part in 0 7 100 3000; do
  head -c $part "$tmp/init" >"$tmp/cut"
  check_fails "$part bytes of a model" 1 'cut: ' train --epochs=1 "$tmp/cut" "${data[@]:1}" "$tmp/bad"
done

# Utterances that cannot be trained on.
bad() { # NAME REGEX FEATS TOKENS: refused; within --max-failures passed over
  check_fails "$1" 1 "$2" train --epochs=1 "$tmp/init" "ark:$3" "ark:$4" "$tmp/bad"
  check_equal "$1: no model" "$(ls "$tmp/bad" 2>/dev/null)" ""
  check "$1: allowed" train --epochs=1 --max-failures=1 "$tmp/init" "ark:$3" "ark:$4" "$tmp/allowed"
}
grep -v '^utt3 ' "$tmp/tokens" >"$tmp/no-utt3"
bad "missing tokens" "utterance utt3: .*: key .utt3. at byte [0-9]*: no entry for key 'utt3' in .*no-utt3" "$tmp/feats" "$tmp/no-utt3"
sed 's/^utt2 .*/utt2 1 2 3 1 2 3 1 2 3 1/' "$tmp/tokens" >"$tmp/long"
bad "labels longer than frames" 'utterance utt2: .*: key .utt2. at byte [0-9]*: 40 feature frames give 9 encoder frames, too few for 10 labels' \
  "$tmp/feats" "$tmp/long"
sed 's/^utt4 .*/utt4 1 5/' "$tmp/tokens" >"$tmp/unknown"
bad "an unknown label" 'utterance utt4: .*: key .utt4. at byte [0-9]*: label 5 is not a unit of the model' "$tmp/feats" "$tmp/unknown"
sed 's/^utt4 .*/utt4 1 0/' "$tmp/tokens" >"$tmp/blank"
bad "the blank as label" 'utterance utt4: .*: key .utt4. at byte [0-9]*: label 0 is not a unit of the model' "$tmp/feats" "$tmp/blank"
sed '5s/ [0-9.]* / nan /' "$tmp/feats" >"$tmp/nan"
bad "NaN features" "utterance utt1: .*$tmp/nan: key .utt1. at byte [0-9]*: features hold NaN or infinity" "$tmp/nan" "$tmp/tokens"
awk '/^utt5 / { inside = 1; print; next } inside { sub(/ [0-9.]+/, "") } / \]/ { inside = 0 } { print }' \
  "$tmp/feats" >"$tmp/narrow"
bad "features of another dimension" 'utterance utt5: .*: key .utt5. at byte [0-9]*: features have 9 dimensions, the model wants 10' "$tmp/narrow" "$tmp/tokens"
{ cat "$tmp/feats"; printf 'utt0  [\n'; sed -n '2,5p' "$tmp/feats"; printf '%s ]\n' "$(sed -n 6p "$tmp/feats")"; } >"$tmp/short"
{ cat "$tmp/tokens"; echo utt0; } >"$tmp/with-utt0"
bad "too few frames" 'utterance utt0: .*: key .utt0. at byte [0-9]*: 5 feature frames give 0 encoder frames' "$tmp/short" "$tmp/with-utt0"
echo 'other 1' >"$tmp/none-of-them"
check_fails "no utterance is left" 1 'no utterance of ark:.*feats can be trained on' \
  train --epochs=1 --max-failures=100% "$tmp/init" "ark:$tmp/feats" "ark:$tmp/none-of-them" "$tmp/bad"
head -n 1 "$tmp/dev-tokens" >"$tmp/dev-one"
check_fails "a bad dev utterance" 1 'utterance utt2: .*dev-one' train --epochs=1 \
  --dev-feats="ark:$tmp/dev-feats" --dev-tokens="ark:$tmp/dev-one" "${data[@]}" "$tmp/bad"
sed 's/^utt3 .*/utt3/' "$tmp/tokens" >"$tmp/empty-utt3"
check "an empty transcript is trained on" train --epochs=1 "$tmp/init" "ark:$tmp/feats" "ark:$tmp/empty-utt3" "$tmp/empty"

# What is wrong is told in one line per reason, before the training; --max-failures is named.
{ cat "$tmp/feats"; echo 'utt7  [ 0 0 0 0 0 0 0 0 0 0 ]'; } >"$tmp/many-feats"
{ sed -e 's/^utt2 .*/utt2 1 2 3 1 2 3 1 2 3 1/' -e 's/^utt3 .*/utt3 1 1 1 1 1 1/' -e '/^utt4 /d' -e 's/^utt5 .*/utt5 1 9/' "$tmp/tokens"
  echo 'utt7 1'
  echo 'ghost 1'
} >"$tmp/many-tokens"
several() { train --epochs=1 "$@" "$tmp/init" "ark:$tmp/many-feats" "ark:$tmp/many-tokens" "$tmp/bad"; }
check_fails "several reasons: too few frames" 1 '3 of 7 training utterances cannot be used, for more labels than frames, or too few frames: utt2 utt3 utt7' several
check_fails "several reasons: no tokens" 1 '1 of 7 training utterances cannot be used, for features without tokens: utt4' several
check_fails "several reasons: labels" 1 '1 of 7 .* for labels that are no units of the model: utt5' several
check_fails "several reasons: what lets them pass" 1 '5 of [0-9]+ utterances failed.*--max-failures=5 would let this pass' several
check_fails "several reasons: within the limit" 0 'Done 2 utterances, 5 failed' several --max-failures=5
check_fails "tokens without features are told, too" 0 '1 training utterances have tokens without features: ghost' several --max-failures=80%
rm -f "$tmp/bad"

# A training that learns nothing fails and leaves no model.
nothing() { # NAME REGEX options and arguments of nnet-train but the result
  check_fails "$1" 1 "$2" train "${@:3}" "$tmp/bad"
  check_equal "$1: no model" "$(ls "$tmp/bad" 2>/dev/null)" ""
}
for huge in 1e30 -3e38 1e16; do
  awk -v huge="$huge" '/^utt2 / { on = 1 } on && /[0-9]/ && !/utt/ { $1 = huge; on = 0 } { print }' "$tmp/dev-feats" >"$tmp/huge-dev"
  nothing "a dev utterance with $huge" 'utterance utt2: .*huge-dev: key .utt2. at byte [0-9]*: features hold values of ' --epochs=1 \
    --dev-feats="ark:$tmp/huge-dev" --dev-tokens="ark:$tmp/dev-tokens" --exp-dir="$tmp/exp-huge" "${data[@]}"
done
check "is left out within --max-failures" train --epochs=1 --max-failures=1 --dev-feats="ark:$tmp/huge-dev" \
  --dev-tokens="ark:$tmp/dev-tokens" --exp-dir="$tmp/exp-huge" "${data[@]}" "$tmp/without-huge"
awk '{ for (i = 1; i <= NF; ++i) if ($i ~ /^[0-9.]+$/) $i = $i * 1e30 + 1e30; print }' "$tmp/dev-feats" >"$tmp/all-huge"
nothing "a dev set without one good utterance" 'no utterance of ark:.*all-huge can be trained on, so there is no dev data' --epochs=1 \
  --max-failures=100% --dev-feats="ark:$tmp/all-huge" --dev-tokens="ark:$tmp/dev-tokens" "${data[@]}"
nothing "an empty dev set" 'no utterance of ark:.*empty-dev can be trained on' --epochs=1 \
  --dev-feats="ark:$(: >"$tmp/empty-dev"; echo "$tmp/empty-dev")" --dev-tokens="ark:$tmp/dev-tokens" "${data[@]}"
for rate in 1e4 1e10 1e30; do
  nothing "a learning rate of $rate" 'epoch 1: .*lower --learning-rate' --epochs=2 --learning-rate=$rate --warmup-steps=0 \
    "${dev[@]}" --exp-dir="$tmp/exp-$rate" "${data[@]}"
done
if python3 -c '' 2>/dev/null; then
  # The last tensor's last value becomes NaN.
  python3 -c "
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
b[-4:] = b'\x00\x00\xc0\x7f'
open(sys.argv[2], 'wb').write(b)" "$tmp/init" "$tmp/nan-model"
  nothing "a model with NaN" 'nan-model: the tensor [a-z_.0-9]+ holds a value that is not finite' --epochs=1 "$tmp/nan-model" "${data[@]:1}"
  check_fails "an average with NaN" 1 'nan-model: the tensor .* not finite' nnet-average "$tmp/init" "$tmp/nan-model" "$tmp/bad"
else
  skip "a model with NaN" "no python3"
fi

# Wrong usage.
check_fails "no epochs" 2 '[-][-]epochs=0: expected at least 1' train --epochs=0 "${data[@]}" "$tmp/bad"
check_fails "a batch size that is no number" 2 'batch-size' train --batch-size=many "${data[@]}" "$tmp/bad"
check_fails "no threads" 2 '[-][-]threads=0' train --threads=0 "${data[@]}" "$tmp/bad"
check_fails "no learning" 2 '[-][-]learning-rate=0' train --learning-rate=0 "${data[@]}" "$tmp/bad"
check_fails "an average of none" 2 '[-][-]average=0' train --average=0 "${data[@]}" "$tmp/bad"
check_fails "an unknown option" 2 'num-epochs' train --num-epochs=3 "${data[@]}" "$tmp/bad"
check_fails "dev features without tokens" 2 'go together' train --dev-feats="ark:$tmp/feats" "${data[@]}" "$tmp/bad"
check_fails "three arguments" 2 'Usage: nnet-train' train "${data[@]}"
check_fails "no such model" 1 'none' train "$tmp/none" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/bad"
check_fails "features as model" 1 'feats' train "$tmp/feats" "ark:$tmp/feats" "ark:$tmp/tokens" "$tmp/bad"
check_fails "no such features" 1 'none' train "$tmp/init" "ark:$tmp/none" "ark:$tmp/tokens" "$tmp/bad"
check_fails "an output folder that is not there" 1 'none/model' train --epochs=1 "${data[@]}" "$tmp/none/model"
check_equal "is found before the training" "$(grep -c 'epoch 1' "$tmp/.check.err")" 0
check_equal "batch norm's statistics are said to depend on shards" "$(nnet-train --help 2>&1 | grep -A6 -e '--shards  *' | grep -c batch-norm)" 1
check_fails "another training's folder says what differs" 2 'seed is 777 there and 5 here.*epoch-6.safetensors as the model of' \
  train "${dev[@]}" --epochs=6 --seed=5 --exp-dir="$tmp/exp" "${data[@]}" "$tmp/bad"
check_fails "another training's folder" 2 'exp holds another training \(see run.txt there\)' \
  train "${dev[@]}" --epochs=6 --seed=5 --exp-dir="$tmp/exp" "${data[@]}" "$tmp/bad"
check_fails "fewer epochs than there are" 2 'has 6 epochs already' \
  train "${dev[@]}" --epochs=3 --average=2 --exp-dir="$tmp/exp" "${data[@]}" "$tmp/bad"
check_equal "a failure leaves no model" "$(find "$tmp" -name bad)" ""
