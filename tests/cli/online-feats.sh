#!/usr/bin/env bash
# compute-fbank-feats, compute-mfcc-feats --online-frames: frames of a recording that is still being made.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip online-feats "no python3 to make audio with"
  exit 0
fi

# Two seconds at 16 kHz.
python3 - <<'PY'
import array, random, wave
random.seed(2)
x = array.array("h", [round(random.gauss(0, 3000)) for _ in range(32000)])
open("a.pcm", "wb").write(x.tobytes())
with wave.open("a.wav", "wb") as w:
    w.setparams((1, 2, 16000, 0, "NONE", ""))
    w.writeframes(x.tobytes())
PY
echo "live a.wav" >wav.scp
fbank="compute-fbank-feats --print-args=false"
rows() { grep -v '\[' "$1" | sed 's/ *\]\{0,1\} *$//'; } # the numbers of a text archive alone

while read -r options; do
  tool=compute-${options%% *}-feats
  run="$tool --print-args=false ${options#* }"
  $run scp:wav.scp ark,t:whole.txt 2>/dev/null
  check "raw samples in pieces, $options" $run --online-frames=16 --raw-pcm=s16le:16000:1 a.pcm ark,t:pieces.txt
  check "are the same numbers" cmp <(rows whole.txt) <(rows pieces.txt)
  from_pipe() { cat a.wav | $run --online-frames=7 - ark:pieces.ark && copy-feats ark:pieces.ark ark,t:pieces.txt; }
  check "a WAV file through a pipe, $options" from_pipe
  check "is the same" cmp <(rows whole.txt) <(rows pieces.txt)
done <<'LIST'
mfcc --seed=4
mfcc --dither=0 --snip-edges=false --use-energy=false --htk-compat
fbank --dither=0
fbank --seed=4
fbank --dither=0 --snip-edges=false
fbank --seed=4 --snip-edges=false --use-energy
LIST
# A slow writer: half of the audio, a pause until that half's frames are there, the other half. (Where they never come
# before the rest, it goes on after a minute, and the check fails.) 98 frames of the first second make six pieces; 198 of
# both make thirteen.
: >arrivals
slow() {
  { head -c 32000 a.pcm
    for _ in $(seq 600); do
      if [ "$(wc -l <arrivals)" -ge 6 ]; then break; fi
      sleep 0.1
    done
    wc -l <arrivals >early
    tail -c +32001 a.pcm
  } | $fbank --dither=0 --online-frames=16 --raw-pcm=s16le:16000 - ark,t:- 2>/dev/null |
    while IFS= read -r line; do
      case $line in live-*) echo "${line%% *}" >>arrivals ;; esac
    done
}
slow
check_equal "pieces before the pause ends, and in all" "$(cat early) $(wc -l <arrivals)" "6 13"

check_fails "audio that is cut off" 1 "cut off" $fbank --online-frames=16 "head -c 10000 a.wav |" ark:x.ark
check "leaves no file" test ! -e x.ark
check_fails "a command that fails" 1 "status 3" $fbank --online-frames=16 "cat a.wav; exit 3 |" ark:x.ark
check_fails "less than a frame" 1 "too short" $fbank --online-frames=16 --raw-pcm=s16le:16000 "head -c 100 a.pcm |" ark:x.ark
check_fails "another rate" 1 "8000 Hz, wanted are 16000" $fbank --online-frames=16 --raw-pcm=s16le:8000 a.pcm ark:x.ark
check_fails "no WAV file" 1 "--raw-pcm" $fbank --online-frames=16 a.pcm ark:x.ark
check_fails "a table" 2 "one recording" $fbank --online-frames=16 scp:wav.scp ark:x.ark
check_fails "an option that needs the whole" 2 "goes without --subtract-mean" $fbank --online-frames=16 --subtract-mean a.wav ark:x.ark
check_fails "a bad number" 2 "online-frames=-1" $fbank --online-frames=-1 a.wav ark:x.ark
