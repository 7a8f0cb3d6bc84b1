#!/usr/bin/env bash
# compute-fbank-feats and compute-mfcc-feats: --output-format=htk and --debug-mel.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip feat-htk "no python3 to make audio with"
  exit 0
fi
python3 - <<'PY'
import array, random, wave
random.seed(3)
for name in "ab":
    with wave.open(name + ".wav", "wb") as w:
        w.setparams((1, 2, 16000, 0, "NONE", ""))
        w.writeframes(array.array("h", [round(random.gauss(0, 3000)) for _ in range(6000)]).tobytes())
PY
printf 'a a.wav\nb b.wav\n' >wav.scp
fbank="compute-fbank-feats --print-args=false --dither=0"
mfcc="compute-mfcc-feats --print-args=false --dither=0"

# Both entries of an archive as HTK's book describes its files, read with nothing of ours: the header in numbers, and
# whether the floats are those of Kaldi's binary form.
parse() { # <htk archive> <kaldi archive>
  python3 - "$1" "$2" <<'PY'
import struct, sys
htk, kaldi = (open(name, "rb").read() for name in sys.argv[1:])
at, seen = 0, 0
for key in b"a ", b"b ":
    assert htk[at:at + 2] == key
    frames, period, size, kind = struct.unpack(">iihH", htk[at + 2:at + 14])
    data = struct.unpack(f">{frames * size // 4}f", htk[at + 14:at + 14 + frames * size])
    at += 14 + frames * size
    rows, cols = struct.unpack("<xixi", kaldi[seen + 7:seen + 17])
    assert kaldi[seen:seen + 7] == key + b"\0BFM " and (rows, 4 * cols) == (frames, size)
    assert data == struct.unpack(f"<{rows * cols}f", kaldi[seen + 17:seen + 17 + 4 * rows * cols])
    seen += 17 + 4 * rows * cols
    print(frames, period, size, oct(kind), end=";")
assert at == len(htk) and seen == len(kaldi)
PY
}
while read -r name tool options want; do
  options=${options//,/ }
  # shellcheck disable=SC2086
  ${!tool} $options scp:wav.scp ark:kaldi.ark 2>/dev/null
  # shellcheck disable=SC2086
  check "$name" ${!tool} $options --output-format=htk scp:wav.scp ark,scp:htk.ark,htk.scp
  check_equal "$name: as HTK reads it" "$(parse htk.ark kaldi.ark)" "$(echo "$want;$want;" | tr , ' ')"
  check "$name: back by copy-feats" copy-feats --htk-in scp:htk.scp ark:back.ark
  check "$name: the same bytes" cmp back.ark kaldi.ark
done <<'LIST'
fbank fbank --num-mel-bins=40 36,100000,160,0o20007
fbank-energy fbank --use-energy,--htk-compat 36,100000,96,0o107
mfcc mfcc --num-ceps=12 36,100000,48,0o106
mfcc-c0 mfcc --use-energy=false,--htk-compat 36,100000,52,0o20006
mfcc-shift mfcc --frame-shift=12.5,--subtract-mean 29,125000,52,0o106
LIST
check "several threads" $mfcc --num-threads=3 --frame-shift=12.5 --subtract-mean --output-format=htk scp:wav.scp ark:threads.ark
check "write the same" cmp threads.ark htk.ark

# With --htk-compat energy or C0 stand in the last column, as HTK has them.
column() { awk -v last="$1" 'NF > 2 && $1 != "a" { sub(/\]/, ""); print last ? $NF : $1 }' "$2"; }
echo 'a a.wav' >one.scp
for tool in fbank mfcc; do
  ${!tool} --use-energy scp:one.scp ark,t:first.txt 2>/dev/null
  ${!tool} --use-energy --htk-compat --output-format=htk scp:one.scp ark:last.ark 2>/dev/null
  copy-feats --print-args=false --htk-in ark:last.ark ark,t:last.txt 2>/dev/null
  check_equal "$tool: 36 energies" "$(column 0 first.txt | wc -l)" 36
  check "$tool: energy is the last column" cmp <(column 0 first.txt) <(column 1 last.txt)
done
check "live" $mfcc --output-format=htk --online-frames=10 a.wav ark:live.ark
check_equal "pieces" "$(copy-feats --print-args=false --htk-in ark:live.ark ark:- 2>/dev/null | feat-to-len ark:- ark,t:- 2>/dev/null |
  awk '{ printf "%s ", $2 }')" "10 10 10 6 "
check_fails "no text" 2 "no text form" $fbank --output-format=htk scp:wav.scp ark,t:x.txt
check_fails "another format" 2 "output-format=sphinx: expected kaldi or htk" $fbank --output-format=sphinx scp:wav.scp ark:x.ark
check "neither leaves a file" test ! -e x.txt -a ! -e x.ark

# --debug-mel against the filters written out here, and against the features.
check "--debug-mel" bash -c "$fbank --debug-mel --num-mel-bins=10 scp:one.scp ark,t:feats.txt 2>log"
debugged() {
  python3 - <<'PY'
import math, re
log = open("log").read()
mel = lambda hz: 1127 * math.log(1 + hz / 700)
low, step = mel(20), (mel(8000) - mel(20)) / 11
bins = re.findall(r"bin (\d+), offset = (\d+), vec =  \[ (.*) \]", log)
assert [int(b) for b, _, _ in bins] == list(range(10))
for b, offset, vec in bins:
    at = [(mel(k * 31.25) - low) / step - int(b) for k in range(256)]
    want = [(k, min(x, 2 - x)) for k, x in enumerate(at) if 0 < x < 2]
    assert int(offset) == want[0][0]
    got = [float(w) for w in vec.split()]
    assert len(got) == len(want) and all(abs(g - w) < 1e-4 for g, (_, w) in zip(got, want))
energies = [float(x) for line in re.findall("MEL BANKS: (.*)", log) for x in line.split()]
feats = [float(x) for x in re.sub(r"[^-\d.e ]|a ", " ", open("feats.txt").read()).split()]
assert len(energies) == len(feats) == 360
assert all(abs(math.log(e) - f) < 1e-4 for e, f in zip(energies, feats))
PY
}
check "prints weights and energies" debugged
check "of cepstra too" bash -c "$mfcc --debug-mel scp:one.scp ark:x.ark 2>log2 && grep -c 'MEL BANKS' log2 | grep -qx 36"
