# Sourced by tests/cli/*.sh after cli.sh: every tool on tables, with small good input of each kind.
# shellcheck shell=bash
wav=$(golden_path fbank/wav)
cd "$tmp" || exit 1
mkdir feats ints text wav
printf 'a  [\n  -1 -2.5\n -0.5 -4 ]\nb  [\n  -5.25 -6\n  -1 -2\n -3 -4 ]\n' >feats/good.txt
printf 'a 1 2\nb 2\n' >ints/good.txt
printf 'a AB B\nb A\n' >text/good
copy-feats --print-args=false ark:feats/good.txt ark:feats/good 2>/dev/null
copy-int-vector --print-args=false ark:ints/good.txt ark:ints/good 2>/dev/null
compute-cmvn-stats --print-args=false ark:feats/good stats 2>/dev/null
printf '%s\n' '<blank> 0' 'A 1' 'B 2' '▁ 3' >units
printf 'a white 10.5\nb pink -3\n' >snr
printf 's a 0.05 0.25\nt b 0.05 -1\n' >segments
printf 's a 0.01 -1\nt b 0 -1\n' >feature_segments
printf 'a [ 1 0 ]\nb [ 0 1 1 ]\n' >vad
kinds="feats ints text"
if [ -n "$wav" ]; then
  kinds+=" wav"
  { printf 'a ' && cat "$wav/0_george_0.wav" && printf 'b ' && cat "$wav/7_jackson_3.wav"; } >wav/good
else
  skip "tools that read audio" "no golden audio"
fi
# kind of the input, command
table='feats copy-feats IN OUT
feats feat-to-len IN OUT
feats feat-to-dim IN OUT
feats compute-cmvn-stats IN OUT
feats apply-cmvn --norm-vars=true stats IN OUT
feats apply-cmvn-sliding IN OUT
feats add-deltas IN OUT
feats splice-feats IN OUT
feats subset-feats IN OUT
feats paste-feats IN IN OUT
feats extract-feature-segments --snip-edges=false --min-segment-length=0 IN feature_segments OUT
feats compute-vad IN OUT
feats select-voiced-frames IN ark:vad OUT
feats augment-feats IN OUT
feats ctc-decode IN OUT
ints copy-int-vector IN OUT
ints tokens-to-text units IN OUT
text text-to-tokens units IN OUT
wav compute-fbank-feats --dither=0.5 --sample-frequency=8000 IN OUT
wav compute-mfcc-feats --num-threads=2 --sample-frequency=8000 IN OUT
wav wav-copy --sample-frequency=16000 IN OUT
wav modify-speed --speed=0.9 IN OUT
wav wav-to-duration IN OUT
wav extract-segments IN segments OUT
wav add-noise IN ark:snr OUT'

run() { # IN OUT, with the words of the command in $command
  local words=("${command[@]}") i
  for i in "${!words[@]}"; do
    case ${words[i]} in IN) words[i]=$1 ;; OUT) words[i]=$2 ;; esac
  done
  "${words[@]}"
}
