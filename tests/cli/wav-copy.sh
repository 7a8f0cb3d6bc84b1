#!/usr/bin/env bash
# wav-copy and wav-to-duration on what audio comes as.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip wav-copy "no python3 to make audio with"
  exit 0
fi

# Two channels of known samples in every form of WAV, written by hand; want.wav and left.wav are 16-bit.
python3 - <<'PY'
import random, struct
random.seed(1)
n, rate = 4001, 8000
left = [256 * random.randint(-128, 127) for _ in range(n)]
right = [256 * random.randint(-128, 127) for _ in range(n)]
both = [s for pair in zip(left, right) for s in pair]
def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
def wav(tag, bits, channels, data, extra=b"", pad=b"", riff=b"RIFF", tail=b""):
    width = bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, bits) + extra
    body = b"WAVE" + pad + chunk(b"fmt ", fmt) + chunk(b"data", data) + tail
    return riff + struct.pack("<I", len(body)) + body
def pcm(width, samples):
    if width == 1:
        return bytes((s >> 8) + 128 for s in samples)
    return b"".join(struct.pack("<q", s << (8 * width - 16))[:width] for s in samples)
def save(name, data):
    open(name, "wb").write(data)
save("want.wav", wav(1, 16, 2, pcm(2, both)))
save("left.wav", wav(1, 16, 1, pcm(2, left)))
for width in (1, 2, 3, 4):
    save(f"pcm{8 * width}.wav", wav(1, 8 * width, 2, pcm(width, both)))
    save(f"pcm{8 * width}.raw", pcm(width, both))
f32 = struct.pack(f"<{2 * n}f", *(s / 32768 for s in both))
f64 = struct.pack(f"<{2 * n}d", *(s / 32768 for s in both))
save("f32.wav", wav(3, 32, 2, f32))
save("f64.wav", wav(3, 64, 2, f64))
save("f32.raw", f32)
save("f64.raw", f64)
guid = struct.pack("<HHIH", 22, 24, 3, 1) + bytes.fromhex("000000001000800000aa00389b71")
save("extensible.wav", wav(0xfffe, 24, 2, pcm(3, both), extra=guid))
odd = chunk(b"LIST", b"INFOabc") + chunk(b"junk", b"x" * 77) + chunk(b"bext", b"\xff" * 602)
save("chunks.wav", wav(1, 16, 2, pcm(2, both), pad=odd, tail=chunk(b"id3 ", b"xyz")))
plain = wav(1, 16, 2, pcm(2, both))
for name, marker in (("zero", b"\0" * 4), ("ones", b"\xff" * 4)):
    save(f"{name}.wav", plain[:4] + marker + plain[8:40] + marker + plain[44:])
ds64 = chunk(b"ds64", struct.pack("<QQQI", len(plain) + 28, len(plain) - 44, n, 0))
long = wav(1, 16, 2, pcm(2, both), pad=ds64, riff=b"RF64")
at = long.index(b"data") + 4
save("rf64.wav", long[:4] + b"\xff" * 4 + long[8:at] + b"\xff" * 4 + long[at + 4:])
save("cut.wav", plain[:5000])
PY

copy="wav-copy --print-args=false"
for kind in pcm8 pcm16 pcm24 pcm32 f32 f64 extensible chunks zero ones rf64; do
  check "$kind" $copy $kind.wav $kind.out
  check "$kind gives the samples" cmp want.wav $kind.out
  from_pipe() { $copy - - <$kind.wav >$kind.out; }
  check "$kind from a pipe" from_pipe
  check "$kind from a pipe gives the samples" cmp want.wav $kind.out
done
for raw in u8:pcm8 s16le:pcm16 s24le:pcm24 s32le:pcm32 f32le:f32 f64le:f64; do
  check "raw ${raw%:*}" $copy --raw-pcm=${raw%:*}:8000:2 ${raw#*:}.raw raw.out
  check "raw ${raw%:*} gives the samples" cmp want.wav raw.out
done
echo "a pcm16.raw
b cat pcm16.raw |" >raw.scp
check "a table of raw samples" $copy --raw-pcm=s16le:8000:2 scp:raw.scp ark,scp:raw.ark,out.scp
check "as many entries" test "$(wc -l <out.scp)" -eq 2
check "and each is right" $copy scp:out.scp "scp:printf 'a a.out\nb b.out\n' |"
check "the first" cmp want.wav a.out
check "the second" cmp want.wav b.out
check "one channel" $copy --channel=0 want.wav channel.out
check "is that channel" cmp left.wav channel.out

durations() { wav-to-duration --print-args=false "$@" ark,t:- 2>/dev/null | sed 's/ $//' | paste -sd' '; }
for kind in pcm24 f64 rf64 zero chunks; do echo "$kind $kind.wav"; done >wav.scp
check_equal "durations by header" "$(durations scp:wav.scp)" \
  "pcm24 0.500125 f64 0.500125 rf64 0.500125 zero 0.500125 chunks 0.500125"
check_equal "and by reading" "$(durations --read-entire-file scp:wav.scp)" "$(durations scp:wav.scp)"
check "an archive" $copy scp:wav.scp ark:wav.ark
check_equal "has the durations" "$(durations ark:wav.ark)" "$(durations scp:wav.scp)"

# Half the rate: as many samples, and a tone in its place.
python3 - <<'PY'
import array, math, wave
for rate in (16000, 44100):
    with wave.open(f"tone{rate}.wav", "wb") as w:
        w.setparams((1, 2, rate, 0, "NONE", ""))
        w.writeframes(array.array("h", [round(9000 * math.sin(2 * math.pi * 440 * i / rate)) for i in range(rate)]).tobytes())
PY
for rate in 16000 44100; do
  check "$rate Hz to 8000 Hz" $copy --sample-frequency=8000 tone$rate.wav tone.out
  tone_error() {
    python3 -c '
import array, math, wave
w = wave.open("tone.out")
assert w.getframerate() == 8000 and w.getnframes() == 8000, w.getparams()
x = array.array("h", w.readframes(8000))
print(max(abs(x[i] - 9000 * math.sin(2 * math.pi * 440 * i / 8000)) for i in range(1000, 7000)) < 1.5)'
  }
  check_equal "the tone of $rate Hz stays" "$(tone_error)" True
done

# Lossless and lossy formats, where Python has soundfile.
if python3 -c 'import soundfile, numpy' 2>/dev/null; then
  python3 - <<'PY'
import numpy as np, soundfile
x, rate = soundfile.read("tone16000.wav", dtype="float32")
for name, subtype in (("flac", "PCM_16"), ("ogg", "VORBIS"), ("opus", "OPUS"), ("mp3", "MPEG_LAYER_III")):
    soundfile.write(f"tone.{name}", x, rate, format="OGG" if name == "opus" else name.upper(), subtype=subtype)
PY
  check "flac" $copy tone.flac tone.out
  check "flac gives the samples" cmp tone16000.wav tone.out
  for kind in ogg opus mp3; do
    if $copy tone.$kind tone.out 2>err; then
      like_soundfile() {
        python3 -c '
import sys, numpy as np, soundfile
want, rate = soundfile.read(sys.argv[1], dtype="float32")
got, got_rate = soundfile.read("tone.out", dtype="float32")
assert rate == got_rate
n = min(len(want), len(got))
assert abs(len(want) - len(got)) < 3000, (len(want), len(got))  # decoders trim the delay differently
spectrum = np.abs(np.fft.rfft(got[4000:12000]))
assert np.argmax(spectrum) == 220, np.argmax(spectrum)  # 440 Hz in steps of 2 Hz
assert abs(np.std(got[4000:12000]) / np.std(want[4000:12000]) - 1) < 0.01' "$1"
      }
      check "$kind is read as soundfile reads it" like_soundfile tone.$kind
    else
      skip "$kind" "the installed libsndfile does not read it: $(tail -n 1 err)"
    fi
  done
else
  skip "flac, ogg, opus and mp3" "no Python package soundfile"
fi

check_fails "a file that was cut off" 1 "cut.wav.*cut off" $copy cut.wav x.out
check "leaves nothing" test ! -e x.out
echo "cut cut.wav" >cut.scp
check_fails "nor has it a duration" 1 "utterance cut: .*cut off" wav-to-duration scp:cut.scp ark,t:-
{ cat cut.scp; echo "good want.wav"; } >two.scp
check_fails "one bad of two" 1 "utterance cut: .*cut off" $copy scp:two.scp ark:x.ark
check_equal "the other is there" "$(durations ark:x.ark)" "good 0.500125"
check_fails "raw samples that end within one" 1 "multiple of 6" $copy --raw-pcm=s24le:8000:2 pcm16.raw x.out
check_fails "raw samples in an archive" 2 "no end in an archive" $copy --raw-pcm=s16le:8000:2 ark:wav.ark ark:x.ark
check_fails "a bad format" 2 "s16le:16000:1" $copy --raw-pcm=s16be:8000 pcm16.raw x.out
check_fails "a bad rate" 2 "sample-frequency=-1" $copy --sample-frequency=-1 want.wav x.out
check_fails "a channel that is not there" 1 "no channel 2" $copy --channel=2 want.wav x.out
check_fails "a table and a file" 2 "two tables or two files" $copy scp:wav.scp x.out
check_fails "an unknown option" 2 "did you mean --channel" $copy --chanel=1 want.wav x.out
