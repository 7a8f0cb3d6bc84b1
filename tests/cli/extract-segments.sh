#!/usr/bin/env bash
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip extract-segments "no python3 to make audio with"
  exit 0
fi

# One second at 8 kHz whose samples are their own places; in two channels the second has the negatives.
python3 - <<'PY'
import array, wave
for name, channels in (("mono", 1), ("stereo", 2)):
    with wave.open(f"{name}.wav", "wb") as w:
        w.setparams((channels, 2, 8000, 0, "NONE", ""))
        w.writeframes(array.array("h", [s for i in range(8000) for s in ((i, -i)[:channels])]).tobytes())
PY
printf 'mono mono.wav\nstereo stereo.wav\n' >wav.scp
# Prints the first sample and the number of samples of each utterance of an archive.
places() {
  python3 -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
while data:
    key, data = data.split(b" ", 1)
    size = struct.unpack("<I", data[40:44])[0]
    print(key.decode(), struct.unpack("<h", data[44:46])[0], size // 2, end=" ")
    data = data[44 + size:]' "$1"
}

# 0.12345 s is sample 987.6: Kaldi rounds both ends down.
printf '%s\n' "a mono 0.12345 0.5" "b mono 0.25 0.37499" "c mono 0.875 -1" "d mono 0.5 1.4999" "e stereo 0.125 0.5 1" "" \
  "f  stereo	0.125 0.5 0  " >segments
check "segments" extract-segments --print-args=false scp:wav.scp segments ark:segments.ark
check_equal "begin and end where Kaldi has them" "$(places segments.ark)" \
  "a 987 3013 b 2000 999 c 7000 1000 d 4000 4000 e -1000 3000 f 1000 3000 "
check "from a pipe, in a script file" extract-segments scp:wav.scp "cat segments |" ark,scp:piped.ark,piped.scp
check "the same" cmp segments.ark piped.ark
check_equal "durations" "$(wav-to-duration scp:piped.scp ark,t:- 2>/dev/null | head -n 1 | sed 's/ $//')" "a 0.376625"
check "just longer than --min-segment-length" extract-segments scp:wav.scp "echo a mono 0.2 0.3002 |" ark:x.ark
check_fails "exactly as long, which Kaldi refuses too" 1 "not longer than" extract-segments scp:wav.scp "echo a mono 0.2 0.3 |" ark:x.ark
check "a lower limit" extract-segments --min-segment-length=0.05 scp:wav.scp "echo a mono 0.2 0.3 |" ark:x.ark
check "a larger overshoot" extract-segments --max-overshoot=5 scp:wav.scp "echo a mono 0.2 5 |" ark:x.ark
check_equal "is cut" "$(places x.ark)" "a 1600 6400 "
for line in "a mono 5 6" "a mono 1 1.2" "a mono 0.3 0.31" "a mono 0.3 0.2" "a nobody 0 1" "a mono x 1" "a mono 0 1.5" "a mono -1 0.5" \
  "a mono 0,1 0.3" "a mono 0 0.3 -2" "a mono 0 0.3 1" "a stereo 0 0.3" "a mono 0 0.3 99999999999" "a mono nan 0.3" \
  "a mono 0 nan" "a mono 0 1e300" "a mono 0 -1e300" "a mono 0 -2" "a mono 0" "a" "a mono 0 0.3 0 0"; do
  echo "$line" >bad
  check_fails "segment '$line'" 1 "utterance a: bad:1: " extract-segments scp:wav.scp bad ark:x.ark
done
printf 'a nobody 0 1\nb mono 0 1\n' >bad
check "within --max-failures" extract-segments --max-failures=1 scp:wav.scp bad ark:x.ark
check_equal "the other is there" "$(places x.ark)" "b 0 8000 "
check_fails "no segments file" 1 "nowhere" extract-segments scp:wav.scp nowhere ark:x.ark
check_fails "a pipe that fails" 1 "status 3" extract-segments scp:wav.scp "cat segments; exit 3 |" ark:x.ark
check_fails "a bad option" 2 "max-overshoot=-1" extract-segments --max-overshoot=-1 scp:wav.scp segments ark:x.ark
