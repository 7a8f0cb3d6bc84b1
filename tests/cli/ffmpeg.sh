#!/usr/bin/env bash
# transcribe with the real ffmpeg: coded audio and films, their damage, their names, their length.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v ffmpeg >/dev/null || ! command -v python3 >/dev/null; then
  skip ffmpeg "no ffmpeg (apt-get install ffmpeg), or no python3"
  exit
fi
export PYTHONDONTWRITEBYTECODE=1
# encode [option...] out: "unknown encoder" in other builds of ffmpeg leaves a file out.
encode() { ffmpeg -nostdin -v error -y "$@"; }
encoder() { ffmpeg -hide_banner -v error -encoders | awk -v name="$1" '$2 == name { found = 1 } END { exit !found }'; }
film="-f lavfi -i testsrc=size=64x48:rate=5:duration=6"

# --- Without loss, the words are those of the WAV file, whatever the model.
python3 - <<'PY'
import array, math, random, wave
random.seed(4)
for name, channels in (("a.wav", 1), ("duo.wav", 2)):
    samples = [round(9000 * math.sin(t / (5 + t // 4000 % 7)) * (t // 2000 % 2) + random.gauss(0, 300)) for t in range(4 * 8000 * channels)]
    with wave.open(name, "wb") as w:
        w.setparams((channels, 2, 8000, 0, "NONE", ""))
        w.writeframes(array.array("h", samples).tobytes())
PY
printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'A 3' 'B 4' '▁ 5' >units.txt
printf '%s\n' feature-dim=20 model-dim=16 num-blocks=1 num-heads=2 hidden-dim=16 num-experts=4 decoder-blocks=1 reverse-decoder-blocks=1 >conf
printf '%s\n' sample-frequency=8000 num-mel-bins=20 >fbank.conf
nnet-init --units=units.txt --fbank-config=fbank.conf conf small 2>/dev/null
run="transcribe --print-args=false"
any="--min-contrast=0 --min-posterior=0"
words() { $run $any "$@" small "$file" 2>/dev/null | cut -d ' ' -f 2-; } # of $file, with options
file=a.wav
want=$(words)
file=duo.wav
want_duo=$(words --channel=1)
encode -i a.wav -c:a alac 'a name.m4a'
# shellcheck disable=SC2086  # options
encode $film -i a.wav -c:v mpeg4 -c:a pcm_s16le film.mov
# shellcheck disable=SC2086
encode $film -i a.wav -i duo.wav -map 0:v -map 1:a -map 2:a -c:v mpeg4 -c:a flac two.mkv
encode -i duo.wav -c:a alac duo.m4a
# What is in a name: options, protocols, patterns, the shell.
# shellcheck disable=SC2016  # as it is
for name in -i.m4a 'http:colon.m4a' 'concat:a|b.m4a' 'with'"'"'quote"$(touch owned).m4a' '%03d*.m4a' 'ünï.m4a'; do cp 'a name.m4a' "./$name"; done
for file in *.m4a film.mov two.mkv; do
  [ "$file" != duo.m4a ] || continue
  check_equal "$file" "$(words)" "$want"
done
check "nothing ran" test ! -e owned
file=duo.m4a
check_equal "the second channel" "$(words --channel=1)" "$want_duo"

# Where sound begins late in a film, and where it has a gap, the times are the film's.
# shellcheck disable=SC2086
encode $film -itsoffset 1.5 -i a.wav -map 0:v -map 1:a -c:v mpeg4 -c:a flac late.mkv
seconds() { $run small "$1" 2>&1 | sed -n 's/.* s for \([0-9.]*\) s of audio.*/\1/p'; }
check_equal "4 s of sound that begin at 1.5 s" "$(seconds late.mkv) $(seconds a.wav)" "5.5 4.0"

# Damage. What does not decode is no recording; what is cut off where nobody can tell is told.
# shellcheck disable=SC2086
encode $film -i a.wav -c:v mpeg4 -c:a aac film.mp4
# shellcheck disable=SC2086
encode $film -c:v mpeg4 silent.mp4
head -c 3000 film.mp4 >cut.mp4
python3 - <<'PY'
data = bytearray(open("film.mp4", "rb").read())
for i in range(len(data) // 4, len(data) // 2):
    data[i] = (data[i] * 7 + 13) & 255
open("broken.mp4", "wb").write(data)
data = open("two.mkv", "rb").read()
open("ended.mkv", "wb").write(data[:len(data) * 2 // 3])
PY
check "broken ones among good ones" bash -c "! $run $any --max-failures=0 small cut.mp4 a.wav broken.mp4 silent.mp4 ended.mkv film.mp4 >out 2>err"
check_equal "the others are done" "$(cut -d ' ' -f 1 out | xargs)" "a ended film"
for why in 'cut.mp4: neither libsndfile .* nor ffmpeg reads it: .*moov atom not found' \
  'broken.mp4: ffmpeg cannot decode all of it: .*; what can be decoded becomes a file with: ffmpeg -i FILE part.wav' \
  'silent.mp4: there is no sound in it' 'WARNING .*ended.mkv: ffmpeg says: .*; some of the recording may be missing' '3 of 6 recordings failed'; do
  check "said: $why" grep -Eq "$why" err
done

# Any length in the same memory.
peak() { # <seconds>: MB
  encode -stream_loop -1 -i a.wav -t "$1" -c:a alac "long.m4a" &&
    python3 - <<'PY'
import resource, subprocess
subprocess.run(["transcribe", "--print-args=false", "--rescore=false", "--nbest=1", "--beam=2", "small", "long.m4a"], check=True, stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}
case $BUILD in *address* | *thread*) skip "memory" "sanitizers take memory of their own" ;; *)
  short=$(peak 60)
  long=$(peak 3600)
  check "the memory of $long MB for an hour, $short MB for a minute" test "$long" -le "$((short + 8))"
  ;;
esac

# --- With loss, the words of a trained model.
if [ -z "$fsdd" ]; then
  skip "coded digits" "no shared data/fsdd"
  exit 0
fi
nnet-import --print-args=false "$fsdd/wenet_moe/config.json" "$fsdd/wenet_moe/final.safetensors" digits 2>/dev/null
digits=$fsdd/data/test_clean/flac/george-tc0000.flac
want=$($run digits "$digits" 2>/dev/null | cut -d ' ' -f 2-)
while read -r name encoder options; do
  if ! encoder "$encoder"; then
    skip "$name" "this ffmpeg has no $encoder"
    continue
  fi
  # shellcheck disable=SC2086
  encode -i "$digits" $options -c:a "$encoder" "digits.$name" || continue
  check_equal "$name" "$($run digits "digits.$name" 2>/dev/null | cut -d ' ' -f 2-)" "$want"
done <<'END'
mp3 libmp3lame -ar 16000 -b:a 64k
m4a aac
aac aac
opus libopus -ar 48000
wma wmav2
webm libopus -ar 48000
END
