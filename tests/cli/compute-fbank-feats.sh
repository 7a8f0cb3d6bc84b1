#!/usr/bin/env bash
# compute-fbank-feats on good and on bad audio.
. "$(dirname "$0")/../support/cli.sh"

wav=$(golden_path fbank/wav)
if [ -z "$wav" ]; then
  skip "compute-fbank-feats" "no golden audio"
  exit 0
fi
cd "$tmp" || exit 1
fbank="compute-fbank-feats --print-args=false --dither=0"
digits="--sample-frequency=8000 --num-mel-bins=40"
for name in 0_george_0 7_jackson_3 9_theo_12; do echo "$name $wav/$name.wav"; done >digits.scp

lengths() { copy-feats --print-args=false "ark:$1" ark,t:- 2>/dev/null | awk '/\[/ {k = $1; n = 0} !/\[/ {n++} /\]/ {printf "%s:%d ", k, n}'; }

check "features of three files" $fbank $digits scp:digits.scp ark,scp:digits.ark,digits.feats.scp
check_equal "their frames" "$(lengths digits.ark)" "0_george_0:28 7_jackson_3:41 9_theo_12:41 "
echo "--sample-frequency=8000  # a comment
num-mel-bins=40
dither=0" >fbank.conf
check "options from a configuration file" compute-fbank-feats --config=fbank.conf scp:digits.scp ark:config.ark
check "and the same features" cmp digits.ark config.ark
check "without snip-edges" $fbank $digits --snip-edges=false scp:digits.scp ark:no_snip.ark
check_equal "one frame per shift" "$(lengths no_snip.ark)" "0_george_0:30 7_jackson_3:43 9_theo_12:43 "

# Dither: the seed decides, not the order of the utterances.
dithered="compute-fbank-feats $digits"
tac digits.scp >reversed.scp
$dithered --seed=3 scp:digits.scp ark,scp:d1.ark,d1.scp 2>/dev/null
$dithered --seed=3 scp:reversed.scp ark,scp:d2.ark,d2.scp 2>/dev/null
$dithered --seed=4 scp:digits.scp ark:d3.ark 2>/dev/null
sort d2.scp >d2_sorted.scp
copy-feats scp:d2_sorted.scp ark:d2_sorted.ark 2>/dev/null
differ() { ! cmp -s "$1" "$2" && [ -s "$1" ] && [ -s "$2" ]; }
check "dither does not depend on the order" cmp d1.ark d2_sorted.ark
check "another seed gives other noise" differ d1.ark d3.ark
check "dither changes something" differ d1.ark digits.ark

# Where audio comes from.
mkdir "a path with spaces"
cp "$wav/0_george_0.wav" "a path with spaces/george 0.wav"
echo "0_george_0 $tmp/a path with spaces/george 0.wav" >spaces.scp
check "a path with spaces" $fbank $digits scp:spaces.scp ark:spaces.ark
head -n 1 digits.scp >one.scp
$fbank $digits scp:one.scp ark:one.ark 2>/dev/null
check "gives the same" cmp one.ark spaces.ark
echo "0_george_0 cat 'a path with spaces/george 0.wav' |" >pipe.scp
check "a pipe" $fbank $digits scp:pipe.scp ark:pipe.ark
check "gives the same" cmp one.ark pipe.ark
from_stdin() { cat "a path with spaces/george 0.wav" | $fbank $digits "scp:echo '0_george_0 -' |" ark:stdin.ark; }
check "standard input" from_stdin
check "gives the same" cmp one.ark stdin.ark
echo "0_george_0 cat '$wav/0_george_0.wav'; exit 3 |" >failing.scp
check_fails "a failing command" 1 "0_george_0.*3" $fbank $digits scp:failing.scp ark:failing.ark
if have_german; then
  $fbank $digits --low-freq=20.5 scp:one.scp ark:locale.ark 2>/dev/null
  check "another locale" german $fbank $digits --low-freq=20.5 scp:one.scp ark:german.ark
  check "gives the same" cmp locale.ark german.ark
  check_fails "a decimal comma is no number" 2 "low-freq=20,5: expected a number" german $fbank --low-freq=20,5 scp:one.scp ark:x.ark
else
  skip "another locale" "localedef cannot make de_DE.UTF-8 (package locales)"
fi

# Bad audio: named, skipped, and the exit status tells.
head -c 3000 "$wav/0_george_0.wav" >cut.wav
head -c 200 "$wav/0_george_0.wav" | tail -c 156 >headless.wav
: >empty.wav
# 100 samples of 8 kHz, with a header that says so.
{ printf 'RIFF\xec\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\xc8\x00\x00\x00'
  head -c 200 /dev/zero; } >short.wav
bad() { # NAME REGEX FILE [options]
  local name=$1 regex=$2 file=$3
  shift 3
  echo "utt $file" >bad.scp
  check_fails "$name" 1 "$regex" $fbank $digits "$@" scp:bad.scp ark:bad.ark
}
bad "audio shorter than a frame" "utterance utt:.*too short: 100 samples" short.wav
bad "audio that was cut off" "utterance utt:.*cut.wav.*cut off" cut.wav
bad "audio without its header" "headless.wav.*no audio" headless.wav
bad "an empty file" "empty.wav.*empty" empty.wav
bad "a missing file" "missing.wav" "missing.wav"
bad "a text file" "digits.scp.*no audio" digits.scp
bad "a wrong sampling rate" "8000 Hz, wanted are 16000 Hz.*sox" "$wav/0_george_0.wav" --sample-frequency=16000

cat digits.scp bad.scp | sed "s|^utt .*|utt $tmp/cut.wav|" >mixed.scp
check_fails "one bad file of four" 1 "Done 3 utterances, 1 failed" $fbank $digits scp:mixed.scp ark:mixed.ark
check_equal "the others are there" "$(lengths mixed.ark)" "0_george_0:28 7_jackson_3:41 9_theo_12:41 "
check "allowed by --max-failures" $fbank $digits --max-failures=25% scp:mixed.scp ark:mixed.ark
: >none.scp
check_fails "an empty table" 1 "no utterances in the input" $fbank $digits scp:none.scp ark:none.ark
check_fails "a missing table" 1 "nowhere.scp" $fbank $digits scp:nowhere.scp ark:none2.ark
{ cat one.scp; echo "utt short.wav"; } >two.scp
check "--min-duration drops what is shorter" $fbank $digits --min-duration=0.1 scp:two.scp ark:min.ark
check "and keeps the rest" cmp one.ark min.ark
check_fails "an unknown option" 2 "did you mean --num-mel-bins" $fbank --num-mel-bin=40 scp:one.scp ark:x.ark
check_fails "an unknown window" 2 "window-type=hann" $fbank --window-type=hann scp:one.scp ark:x.ark
check_fails "a directory that is not there" 1 "nowhere/x.ark" $fbank $digits scp:one.scp ark:nowhere/x.ark
check_fails "a full disk" 1 "/dev/full" $fbank $digits scp:digits.scp ark:/dev/full
closed_pipe() { $fbank $digits scp:digits.scp ark:- 2>err | true; [ "${PIPESTATUS[0]}" -le 1 ]; }
check "a closed pipe ends it quietly" closed_pipe

# Other encodings of the same samples, made with Python's wave module where there is Python.
if command -v python3 >/dev/null; then
  python3 - "$wav/0_george_0.wav" <<'PY'
import struct, sys, wave
with wave.open(sys.argv[1]) as f:
    rate, data = f.getframerate(), f.readframes(f.getnframes())
samples = struct.unpack(f"<{len(data) // 2}h", data)
def write(name, width, channels, frames):
    with wave.open(name, "wb") as f:
        f.setparams((channels, width, rate, 0, "NONE", ""))
        f.writeframes(frames)
write("stereo.wav", 2, 2, b"".join(struct.pack("<2h", 0, s) for s in samples))
write("24bit.wav", 3, 1, b"".join(struct.pack("<i", s << 8)[:3] for s in samples))
write("8bit.wav", 1, 1, bytes((s >> 8) + 128 for s in samples))
floats = b"".join(struct.pack("<f", s / 32768) for s in samples)
header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(floats), b"WAVE", b"fmt ", 16, 3, 1, rate, 4 * rate,
                     4, 32, b"data", len(floats))
open("float.wav", "wb").write(header + floats)
PY
  for kind in 24bit float; do
    echo "0_george_0 $kind.wav" >kind.scp
    check "$kind wav" $fbank $digits scp:kind.scp ark:kind.ark
    check "$kind wav gives the same" cmp one.ark kind.ark
  done
  echo "0_george_0 8bit.wav" >kind.scp
  check "8-bit wav" $fbank $digits scp:kind.scp ark:kind.ark
  bad "two channels" "2 channels.*--channel" stereo.wav
  bad "a channel that is not there" "no channel 2" stereo.wav --channel=2
  echo "0_george_0 stereo.wav" >kind.scp
  check "the second of two channels" $fbank $digits --channel=1 scp:kind.scp ark:kind.ark
  check "gives the same" cmp one.ark kind.ark
else
  skip "wav encodings" "no python3"
fi

wav-to-duration --print-args=false scp:digits.scp ark,t:utt2dur 2>/dev/null
check "durations beside features" $fbank $digits --write-utt2dur=ark,t:dur scp:digits.scp ark:again.ark
check "are the same" cmp utt2dur dur

# Parts of recordings, without cutting them out first.
printf '%s\n' "a 7_jackson_3 0.1 0.3" "b 7_jackson_3 0.3 -1" "c 0_george_0 0 0.298" >segments
for options in "$digits" "--num-mel-bins=40 --allow-upsample"; do
  extract-segments scp:digits.scp segments ark:segments.ark 2>/dev/null
  $fbank $options ark:segments.ark ark:piped.ark 2>/dev/null
  check "segments with $options" $fbank $options --segments=segments scp:digits.scp ark:direct.ark
  check "are the same as piped ones" cmp piped.ark direct.ark
done
check_equal "their frames" "$(lengths direct.ark)" "a:18 b:11 c:28 "
dithered_segments() { compute-fbank-feats $digits --seed=5 --num-threads=$1 --segments=segments scp:digits.scp "ark:$2"; }
check "segments with dither" dithered_segments 1 t1.ark
check "on three threads" dithered_segments 3 t3.ark
check "are the same" cmp t1.ark t3.ark
printf '%s\n' "a 7_jackson_3 0.1 0.3" "b nobody 0 1" "c 0_george_0 0" "d 0_george_0 0 0.3 1" >bad_segments
for regex in "utterance b: bad_segments:2: .*nobody" "utterance c: bad_segments:3: expected: utterance recording" "utterance d: bad_segments:4: .*no channel 1" \
  "Done 1 utterances, 3 failed"; do
  check_fails "segments that fail: $regex" 1 "$regex" $fbank $digits --segments=bad_segments scp:digits.scp ark:x.ark
done
check_fails "no segments file" 1 "nowhere" $fbank $digits --segments=nowhere scp:digits.scp ark:x.ark
check "an utterance that is too short for --min-duration" $fbank $digits --segments=segments --min-duration=0.25 scp:digits.scp ark:min.ark
check_equal "is left out" "$(lengths min.ark)" "c:28 "

# Another sampling rate, only when asked for.
for change in "16000 allow-upsample 3800" "6000 allow-downsample 2900"; do
  read -r rate option high <<<"$change"
  rates="--sample-frequency=$rate --high-freq=$high"
  check_fails "$rate Hz, not allowed" 1 "8000 Hz, wanted are $rate Hz.*--$option" $fbank $rates scp:one.scp ark:x.ark
  check "$rate Hz with --$option" $fbank $rates --$option scp:one.scp ark:changed.ark
  wav-copy --print-args=false --sample-frequency=$rate scp:one.scp ark:changed.wav.ark 2>/dev/null
  $fbank $rates ark:changed.wav.ark ark:want.ark 2>/dev/null
  copy-feats --print-args=false ark:changed.ark ark,t:changed.txt 2>/dev/null
  copy-feats --print-args=false ark:want.ark ark,t:want.txt 2>/dev/null
  # The copy was rounded to 16 bits, which shows only where it is nearly silent.
  near() { paste <(tr -s ' ' '\n' <changed.txt) <(tr -s ' ' '\n' <want.txt) | awk '$1 ~ /[0-9]$/ && NF == 2 {d += ($1 - $2)^2; ++n} END {exit !(n > 500 && sqrt(d / n) < 0.05)}'; }
  check "is nearly that of the copy that wav-copy resamples" near
done

# Samples without a header.
tail -c +45 "$wav/0_george_0.wav" >raw.pcm
echo "0_george_0 raw.pcm" >raw.scp
check "raw samples" $fbank $digits --raw-pcm=s16le:8000:1 scp:raw.scp ark:raw.ark
check "give the same" cmp one.ark raw.ark
check_fails "raw samples of another rate" 1 "16000 Hz, wanted are 8000" $fbank $digits --raw-pcm=s16le:16000 scp:raw.scp ark:x.ark
check_fails "a bad format of raw samples" 2 "s16le:16000:1" $fbank $digits --raw-pcm=pcm scp:raw.scp ark:x.ark
check_fails "raw samples with segments" 2 "without --segments" $fbank $digits --raw-pcm=s16le:8000 --segments=segments scp:raw.scp ark:x.ark
