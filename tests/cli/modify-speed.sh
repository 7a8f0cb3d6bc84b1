#!/usr/bin/env bash
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip modify-speed "no python3 to make audio with"
  exit 0
fi

# A sweep from 100 to 3000 Hz, one second at 16 kHz, 16 bits.
python3 - <<'PY'
import array, math, wave
n = 16000
with wave.open("sweep.wav", "wb") as w:
    w.setparams((1, 2, n, 0, "NONE", ""))
    phase, x = 0.0, []
    for i in range(n):
        x.append(round(9000 * math.sin(phase)))
        phase += 2 * math.pi * (100 + 2900 * i / n) / n
    w.writeframes(array.array("h", x).tobytes())
PY
printf 'a sweep.wav\nb sweep.wav\n' >wav.scp
for speed in 0.9 1.0 1.1; do
  check "speed $speed" modify-speed --print-args=false --speed=$speed --prefix-keys scp:wav.scp ark,scp:sp.ark,sp.scp
  want=$(python3 -c "print('%.7g' % (round(16000 / $speed) / 16000))")
  check_equal "its durations" "$(wav-to-duration scp:sp.scp ark,t:- 2>/dev/null | sed 's/ $//' | paste -sd' ')" \
    "sp$speed-a $want sp$speed-b $want"
  check "one file" modify-speed --print-args=false --speed=$speed sweep.wav $speed.wav
  by_table() { sed -n 1p sp.scp | wav-copy scp:- "scp:echo sp$speed-a table.wav |"; }
  check "by table" by_table
  check "is the same" cmp $speed.wav table.wav
  if command -v sox >/dev/null; then
    sox -D sweep.wav sox.wav speed $speed rate 16000 2>/dev/null
    as_sox() {
      python3 -c '
import array, wave, sys
def read(name):
    with wave.open(name) as w:
        return array.array("h", w.readframes(w.getnframes()))
a, b = read(sys.argv[1]), read("sox.wav")
assert abs(len(a) - len(b)) <= 1, (len(a), len(b))
n = min(len(a), len(b))
# The middle to the rounding; at the ends the two begin their filters differently.
worst = max(abs(a[i] - b[i]) for i in range(500, n - 500))
assert worst <= 2, worst' $speed.wav
    }
    check "sox does the same" as_sox
  else
    skip "speed $speed against sox" "no sox"
  fi
done
check "speed 1.0 changes nothing" cmp 1.0.wav sweep.wav
check "without prefix" modify-speed --speed=1.1 scp:wav.scp ark,scp:sp.ark,sp.scp
check_equal "keys stay" "$(cut -d' ' -f1 sp.scp | paste -sd' ')" "a b"
printf 'a sweep.wav\nc missing.wav\n' >bad.scp
check_fails "a missing file" 1 "utterance c: .*missing.wav" modify-speed --speed=0.9 scp:bad.scp ark:bad.ark
check_equal "the other is there" "$(wav-to-duration ark:bad.ark ark,t:- 2>/dev/null | cut -d' ' -f1)" a
check_fails "a speed of 0" 2 "speed=0: expected" modify-speed --speed=0 scp:wav.scp ark:x.ark
check_fails "no number" 2 "speed=fast" modify-speed --speed=fast scp:wav.scp ark:x.ark
check_fails "an unknown option" 2 "nonsense" modify-speed --nonsense scp:wav.scp ark:x.ark
