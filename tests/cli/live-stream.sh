#!/usr/bin/env bash
# compute-fbank-feats --online-frames | nnet-forward: the pieces of a live recording are one utterance.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip live-stream "no python3 to make audio with"
  exit 0
fi

python3 - <<'PY'
import random, wave
random.seed(5)
for name, n in (("live", 32000), ("b", 17000), ("short", 1000)):
    with wave.open(f"{name}.wav", "wb") as w:
        w.setparams((1, 2, 16000, 0, "NONE", ""))
        w.writeframes(random.randbytes(2 * n))
PY
for kind in fbank mfcc; do
  dim=40
  [ $kind = mfcc ] && dim=13
  check "a model of $kind" nnet-init --preset=dense-225m --num-blocks=2 --num-heads=4 --model-dim=32 --vocab-size=20 --decoder-blocks=1 \
    --reverse-decoder-blocks=1 --feature-dim=$dim $kind.model
done
fbank="compute-fbank-feats --print-args=false --num-mel-bins=40 --seed=3"
mfcc="compute-mfcc-feats --print-args=false --seed=3"
same() { cmp "$1" "$2" && test -s "$1"; }

for kind in fbank mfcc; do
  tool=$fbank
  [ $kind = mfcc ] && tool=$mfcc
  $tool "scp:echo live live.wav |" ark:$kind.whole 2>/dev/null
  for mode in "--streaming --chunk-size=4" "--streaming --chunk-size=2 --num-left-chunks=3" "--chunk-size=4" "" "--streaming"; do
    check "$kind, whole, ${mode:-no options}" nnet-forward $mode $kind.model ark:$kind.whole ark:want ark:want.enc
    for frames in 14 1 1000; do
      [ "$mode$kind" = "--streaming --chunk-size=4fbank" ] || [ $frames = 14 ] || continue
      joined() { $tool --online-frames=$frames - ark:- <live.wav | nnet-forward $mode $kind.model ark:- ark:got ark:got.enc; }
      check "$kind, pieces of $frames, ${mode:-no options}" joined
      check "are the same log-posteriors" same want got
      check "and encodings" same want.enc got.enc
    done
  done
done
forward="nnet-forward --streaming --chunk-size=4 fbank.model"
check "through copy-feats and text" bash -o pipefail -c "$fbank --online-frames=14 live.wav ark:- | copy-feats ark:- ark,t:- | $forward ark,t:- ark:got"
nnet-forward --streaming --chunk-size=4 fbank.model ark:fbank.whole ark:want 2>/dev/null
check "the same" same want got
check "read ahead, two threads" bash -o pipefail -c "$fbank --online-frames=14 live.wav ark:- | nnet-forward --threads=2 --streams=3 --streaming --chunk-size=4 fbank.model ark,bg:- ark:got"
check "the same" same want got

# Two recordings one after the other, between whole ones; the first's key has a number of its own.
$fbank --online-key=a-00000007 --online-frames=10 live.wav ark:a.pieces 2>/dev/null
$fbank --online-key=b --online-frames=10 b.wav ark:b.pieces 2>/dev/null
$fbank "scp:echo a-00000007 live.wav; echo b b.wav |" ark:both 2>/dev/null
cat fbank.whole a.pieces b.pieces fbank.whole b.pieces >many
cat fbank.whole both fbank.whole >want.feats
$fbank "scp:echo b b.wav |" ark:- >>want.feats 2>/dev/null
check "several" $forward ark:many ark:got
check "whole ones" $forward ark:want.feats ark:want
check "the same" same want got
keys() { copy-feats ark:got ark,t:- 2>/dev/null | sed -n 's/ *\[.*//p' | paste -sd' '; }
check_equal "under their names" "$(keys)" "live a-00000007 b live b"

# Utterances that are numbered are no pieces.
$fbank "scp:for i in 1 2 3; do echo utt-0000000\$i b.wav; done |" ark:numbered 2>/dev/null
check "numbered utterances" $forward ark:numbered ark:got
check_equal "stay apart" "$(keys)" "utt-00000001 utt-00000002 utt-00000003"

# Pieces that are missing, out of order or unlike.
copy-feats "scp:copy-feats ark:a.pieces ark,scp:x.ark,x.scp && grep -v 00000003+ x.scp |" ark:gap 2>/dev/null
cat gap b.pieces >gap.b
check_fails "a missing piece" 1 "utterance a-00000007: .*'a-00000007-00000004\\+' at byte [0-9]*: where piece 3 of" $forward ark:gap.b ark:got
check_equal "does not concern the next recording" "$(keys)" "b"
check_fails "the beginning is missing" 1 "where piece 1 of the live recording 'a-00000007'" $forward \
  "scp:sed 1d x.scp |" ark:got
copy-feats "scp:copy-feats ark:mfcc.whole ark,scp:m.ark,m.scp && sed 1q x.scp; sed 's/live /a-00000007-00000002+ /' m.scp; sed 1,2d x.scp |" ark:unlike 2>/dev/null
check_fails "another number of columns" 1 "has 13 columns, the pieces before it 40" $forward ark:unlike ark:got
copy-feats "scp:sed 's/00000004+/00000003+/' x.scp |" ark:twice 2>/dev/null
check_fails "a piece twice" 1 "where piece 4 of" $forward ark:twice ark:got
check_fails "a recording of less than a window" 1 "utterance live: .*too few" bash -o pipefail -c \
  "$fbank --online-frames=1 short.wav ark:- | $forward ark:- ark:got"

# Other tools join them as well, or refuse by name.
check "feat-stats of pieces" feat-stats --json=pieces.json ark:a.pieces
$fbank "scp:echo a-00000007 live.wav |" ark:a.whole 2>/dev/null
check "of the whole" feat-stats --json=whole.json ark:a.whole
check "the same statistics" cmp pieces.json whole.json
nnet-init --preset=moe-1b --num-blocks=2 --num-heads=4 --model-dim=32 --hidden-dim=64 --num-experts=4 --vocab-size=20 \
  --decoder-blocks=1 --reverse-decoder-blocks=1 --feature-dim=40 moe.model 2>/dev/null
check "moe-route-stats of pieces" moe-route-stats --json=pieces.json moe.model ark:a.pieces
check "of the whole" moe-route-stats --json=whole.json moe.model ark:a.whole
check "the same routes" cmp pieces.json whole.json
for command in "add-deltas ark:a.pieces ark:x" "splice-feats ark:a.pieces ark:x" "apply-cmvn-sliding ark:a.pieces ark:x" \
  "compute-vad ark:a.pieces ark:x" "augment-feats ark:a.pieces ark:x" "compute-cmvn-stats ark:a.pieces ark:x"; do
  check_fails "${command%% *}" 1 "'a-00000007-00000001\\+' is a piece of the live recording 'a-00000007'.*nnet-forward" $command
done
check "global statistics, which need no whole utterances" compute-cmvn-stats --binary=false ark:a.pieces whole.cmvn
normalised() { apply-cmvn whole.cmvn ark:a.pieces ark:- | nnet-forward fbank.model ark:- ark:got; }
check "normalised pieces" normalised
check "normalised whole" bash -o pipefail -c "apply-cmvn whole.cmvn ark:a.whole ark:- | nnet-forward fbank.model ark:- ark:want"
check "are the same" same want got

check_fails "no key" 2 "online-key=''" $fbank --online-frames=5 --online-key= live.wav ark:x
check_fails "statistics that would not be written" 2 "goes without --stats" $fbank --online-frames=5 --stats=y live.wav ark:x
# Another rate.
check_fails "another rate is not resampled unasked" 1 "sampled at 16000 Hz, wanted are 8000 Hz.*--allow-downsample" \
  $fbank --online-frames=5 --sample-frequency=8000 live.wav ark:x
slower="$fbank --sample-frequency=8000 --allow-downsample --dither=0"
$slower "scp:echo live live.wav |" ark:slow.whole 2>/dev/null
check "a lower rate, live" bash -o pipefail -c "$slower --online-frames=14 - ark:- <live.wav | $forward ark:- ark:got"
check "and whole" $forward ark:slow.whole ark:want
check "are the same to rounding" compare-feats --threshold=0.999999 ark:want ark:got

# Into a pipe goes what is there: each tool has written what follows from the first piece before the second one is made.
mkfifo to.forward to.decode
mkdir -p first
copy-feats "scp:copy-feats ark:a.pieces ark,scp:x.ark,x.scp 2>/dev/null && head -1 x.scp |" ark:first/piece 2>/dev/null
copy-feats "scp:sed 1d x.scp |" ark:first/rest 2>/dev/null
options="--method=prefix-beam --beam=5"
: >partial
# One process reads each pipe's other end; this one writes, and waits for what the piece gives (a minute at most).
one_by_one() {
  timeout 300 nnet-forward --print-args=false --streaming --chunk-size=1 fbank.model ark:to.forward ark:to.decode 2>forward.log &
  local forward_pid=$!
  timeout 300 ctc-decode --print-args=false $options --partial=ark,t:to.show ark:to.decode ark,t:hyp 2>decode.log &
  local decode_pid=$!
  timeout 300 cat to.show >partial &
  local show_pid=$! status=0
  exec 7<>to.forward # would wait for a reader that does not come, with > alone
  cat first/piece >&7
  for _ in $(seq 600); do
    if [ -s partial ]; then break; fi
    sleep 0.1
  done
  cp partial early
  cat first/rest >&7
  exec 7>&-
  wait $forward_pid || status=1
  wait $decode_pid || status=1
  wait $show_pid || status=1
  return $status
}
mkfifo to.show
check "pieces that come one by one" one_by_one
check_equal "what the first gives is there before the second comes" "$(cut -d' ' -f1 early)" "a-00000007-00000001+"
check_equal "every piece is told of" "$(wc -l <partial) $(tail -1 partial | cut -d' ' -f1)" "20 a-00000007-00000020+"
nnet-forward --streaming --chunk-size=1 fbank.model ark:a.whole ark:want 2>/dev/null
ctc-decode $options ark:want ark,t:want.hyp 2>/dev/null
check "the last transcript is that of the whole" same want.hyp hyp
check_equal "which the last partial one is too" "$(tail -1 partial | cut -d' ' -f2-)" "$(cut -d' ' -f2- hyp)"

# The same from the samples on: three tools, and a microphone that waits for what they say.
chain() {
  timeout 300 $fbank --online-frames=14 - ark:- <to.fbank 2>fbank.log | timeout 300 $forward ark:- ark:- 2>forward.log |
    timeout 300 ctc-decode --print-args=false $options --partial=ark,t:to.show ark:- ark,t:hyp 2>decode.log
}
speak() {
  chain &
  local chain_pid=$!
  timeout 300 cat to.show >partial &
  local show_pid=$! status=0
  exec 7<>to.fbank
  head -c 32000 live.wav >&7
  for _ in $(seq 600); do
    if [ "$(wc -l <partial)" -ge 5 ]; then break; fi
    sleep 0.1
  done
  cp partial early
  tail -c +32001 live.wav >&7
  exec 7>&-
  wait $chain_pid || status=1
  wait $show_pid || status=1
  return $status
}
mkfifo to.fbank
check "samples that come slowly" speak
# A second has 98 frames, 7 pieces of 14, of which the first 5 are whole windows of 4 encoder frames.
check "tokens of the first second before the second one" test "$(wc -l <early)" -ge 5
check "and more after it" test "$(wc -l <partial)" -gt "$(wc -l <early)"
$forward ark:fbank.whole ark:want 2>/dev/null
ctc-decode $options ark:want ark,t:want.hyp 2>/dev/null
check "the transcript of the whole" same want.hyp hyp

# All of it in pipes, with n-best lists and a recording behind another; encodings of pieces for rescoring.
for nbest in 1 3; do
  piped() { nnet-forward --streaming --chunk-size=4 fbank.model "ark:cat a.pieces b.pieces |" ark:- "ark:| cat >enc" | ctc-decode $options --nbest=$nbest ark:- ark,t:hyp ark,t:scores; }
  check "through pipes, --nbest=$nbest" piped
  nnet-forward --streaming --chunk-size=4 fbank.model ark:both ark:want ark:want.enc 2>/dev/null
  check "wholes" ctc-decode $options --nbest=$nbest ark:want ark,t:want.hyp ark,t:want.scores
  check "are the same" same want.hyp hyp
  check "with their scores" same want.scores scores
done
check_equal "encodings went on in pieces" "$(copy-feats ark:enc ark,t:- 2>/dev/null | grep -c '^[ab].*+ *\[')" \
  "$(copy-feats ark:enc ark,t:- 2>/dev/null | grep -c '\[')"
check "rescoring joins them" attention-rescore fbank.model ark:enc ark,t:hyp ark,t:scores ark,t:best
check "as wholes" attention-rescore fbank.model ark:want.enc ark,t:hyp ark,t:scores ark,t:want.best
check "are the same" same want.best best

# What breaks off is no whole for anybody.
broken() { nnet-forward --streaming --chunk-size=2 fbank.model ark:gap.b ark:- 2>log | ctc-decode ark:- ark,t:hyp; }
check_fails "a missing piece, through a pipe" 1 "'a-00000007' broke off after [0-9]+ pieces" broken
check_equal "the next recording is decoded" "$(cut -d' ' -f1 hyp)" "b"
check "nnet-forward said why" grep -q "where piece 3 of" log
