#!/usr/bin/env bash
# What 16-bit audio, or a compressed matrix, does not hold: every tool that writes it says so, and only then.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip clipping "no python3 to make audio with"
  exit 0
fi

# Floats of known values: loud has 30 samples of 1000 beyond full scale, full reaches 1.0 and -1.0 exactly.
python3 - <<'PY'
import array, struct
def save(name, tag, bits, data, channels=1, rate=16000):
    width = bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    open(name, "wb").write(b"RIFF" + struct.pack("<I", len(body)) + body)
quiet = [0.4 * (-1) ** (i // 20) for i in range(1000)]
loud = quiet[:970] + [2.0, -4.0, 1.001] * 10
def floats(x): return array.array("f", x).tobytes()
save("quiet.wav", 3, 32, floats(quiet))
save("loud.wav", 3, 32, floats(loud))
save("loud64.wav", 3, 64, array.array("d", loud).tobytes())
save("two.wav", 3, 32, floats([v for pair in zip(quiet, loud) for v in pair]), channels=2)
save("full.wav", 3, 32, floats([1.0, -1.0] * 500))
save("full32.wav", 1, 32, struct.pack("<1000i", *([2**31 - 1, -2**31] * 500)))
save("tiny.wav", 3, 32, floats([1e-6 * v for v in quiet]))
save("zero.wav", 3, 32, floats([0.0] * 1000))
square = [0.999 * (-1) ** (i // 50) for i in range(1000)]
save("square.wav", 3, 32, floats(square))
for name, bad in (("nan", float("nan")), ("inf", float("inf")), ("minf", float("-inf"))):
    save(f"{name}.wav", 3, 32, floats(quiet[:500] + [bad] + quiet))
    save(f"{name}64.wav", 3, 64, array.array("d", quiet[:500] + [bad] + quiet).tobytes())
open("loud.raw", "wb").write(floats(loud))
PY
table() { for name; do echo "$name $name.wav"; done; }
copy="wav-copy --print-args=false"
log() { "$@" 2>&1 >/dev/null | grep -a WARNING | sed 's/^WARNING ([a-z-]*) //'; }
beyond='30 of 1000 samples (3 %) were clipped, they reach 4 times the range of 16 bits; wav-copy --volume=0.24 on its audio avoids that'

table quiet full full32 zero >fit.scp
check_equal "silence where all fits" "$(log $copy scp:fit.scp ark:/dev/null)" ""
table quiet loud loud64 >mixed.scp
check_equal "a warning for each utterance, and a sum" "$(log $copy scp:mixed.scp ark:/dev/null)" \
  "utterance loud: $beyond
utterance loud64: $beyond
2 of 3 utterances, 60 of 3000 samples (2 %), were clipped"
check_equal "one file" "$(log $copy loud.wav -)" "loud.wav: $beyond"
from_stdin() { $copy - - <loud.wav; }
check_equal "standard input" "$(log from_stdin)" "standard input: $beyond"
check_equal "samples without a header" "$(log $copy --raw-pcm=f32le:16000:1 loud.raw -)" "loud.raw: $beyond"
check_equal "one channel of two clips" "$(log $copy two.wav -)" \
  "two.wav: 30 of 2000 samples (1.5 %) were clipped, they reach 4 times the range of 16 bits; wav-copy --volume=0.24 on its audio avoids that"
check_equal "the other one does not" "$(log $copy --channel=0 two.wav -)" ""
check_equal "the advice helps" "$(log $copy --volume=0.24 loud.wav -)" ""
check_equal "what is clipped is at the limit" "$($copy loud.wav - 2>/dev/null | tail -c 6 | od -An -td2 | tr -s ' ')" " 32767 -32768 32767"
check_equal "a signal that becomes silence" "$(log $copy tiny.wav - | sed 's/;.*//')" \
  "tiny.wav: its 1000 samples are all below half a step of 16 bits, so that silence is written"
check_fails "in a table it is counted" 0 "1 of 2 utterances became silence" $copy "scp:echo tiny tiny.wav; echo zero zero.wav |" ark:/dev/null
check_equal "resampling overshoots" "$(log $copy --sample-frequency=12000 square.wav - | grep -c 'square.wav: [1-9][0-9]* of 750 samples')" 1

echo "loud-1 loud 0 0.04
loud-2 loud 0.05 0.0625
quiet-1 quiet 0 0.05" >segments
check_equal "extract-segments counts within the segments" \
  "$(log extract-segments --min-segment-length=0.01 scp:mixed.scp segments ark:/dev/null)" \
  "utterance loud-2: 30 of 200 samples (15 %) were clipped, they reach 4 times the range of 16 bits; wav-copy --volume=0.24 on its audio avoids that
1 of 3 utterances, 30 of 1640 samples (1.83 %), were clipped"
check_equal "modify-speed of a table" "$(log modify-speed --speed=1.1 scp:mixed.scp ark:/dev/null | cut -d: -f1 | head -n 2 | paste -sd' ')" \
  "utterance loud utterance loud64"
check_equal "modify-speed in a pipe of wav.scp, and the sum" \
  "$(log compute-fbank-feats "scp:echo a modify-speed --speed=0.9 square.wav - \| |" ark:/dev/null | grep -c 'square.wav: .* were clipped')" 1
check_equal "modify-speed of what fits" "$(log modify-speed --speed=1.1 quiet.wav -)" ""
printf '%s none\n' quiet loud loud64 >utt2snr
check_equal "add-noise scales down and says so" "$(log add-noise scp:mixed.scp ark:utt2snr ark:noisy.ark)" \
  "utterance loud: 30 of 1000 samples (3 %) would have been clipped, they reach 4 times the range of 16 bits; all of it is scaled down instead
utterance loud64: 30 of 1000 samples (3 %) would have been clipped, they reach 4 times the range of 16 bits; all of it is scaled down instead
2 of 3 utterances, 60 of 3000 samples (2 %), would have been clipped"
check_equal "add-noise of what fits" "$(log add-noise scp:fit.scp "ark:printf '%s none\n' quiet full full32 zero |" ark:/dev/null)" ""
check_equal "features lose nothing" "$(log compute-fbank-feats scp:mixed.scp ark:/dev/null)" ""

table nan inf minf nan64 inf64 minf64 >bad.scp
for tool in "wav-copy" "modify-speed --speed=1.1" compute-fbank-feats compute-mfcc-feats; do
  for name in nan inf minf nan64 inf64 minf64; do
    check_fails "${tool%% *} of $name" 1 "utterance $name: bad.scp:[1-6]: key '$name' from $name.wav: .*NaN, infinite" $tool scp:bad.scp ark:/dev/null
  done
done
sed 's/ .*/ none/' bad.scp >none
check_fails "add-noise of NaN" 1 "utterance nan: .*NaN, infinite" add-noise scp:bad.scp ark:none ark:/dev/null
check_fails "extract-segments of NaN" 1 "utterance a: .*NaN, infinite" extract-segments scp:bad.scp "echo a nan 0 -1 |" ark:/dev/null
check_fails "wav-to-duration that looks at samples" 1 "utterance inf: .*NaN, infinite" wav-to-duration --read-entire-file scp:bad.scp ark:/dev/null

check_fails "a rate that no header holds" 2 "sample-frequency=8000.5.*whole numbers" $copy --sample-frequency=8000.5 quiet.wav -
check_fails "a volume of 0" 2 "volume=0" $copy --volume=0 quiet.wav -
check_fails "channels are not dropped: add-noise" 1 "utterance two: .*2 channels.*wav-copy --channel=0" add-noise "scp:echo two two.wav |" "ark:echo two none |" ark:/dev/null
check_fails "channels are not dropped: extract-segments" 1 "utterance a: .*2 channels.*fifth column" extract-segments "scp:echo two two.wav |" "echo a two 0 -1 |" ark:/dev/null

compress() { log copy-feats --compress --compression-method="$1" "ark:echo 'a [ 0 0.5 1 ; 2 300 -1 ]' |" ark:/dev/null; }
clipped() { echo "utterance a: $1 of 6 values were clipped, they lie outside $2, the interval of --compression-method=$3; other methods take it from the values"; }
check_equal "compressed to 0 to 1" "$(compress 7)" "$(clipped 3 "0 to 1" 7)"
check_equal "compressed to 0 to 255" "$(compress 6)" "$(clipped 2 "0 to 255" 6)"
for method in 1 2 3 4 5; do check_equal "method $method holds all" "$(compress $method)" ""; done
