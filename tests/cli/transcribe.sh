#!/usr/bin/env bash
# transcribe: recordings in, words with times out, with a small untrained model for what does not need words and with
# WeNet's model of digits (shared data/fsdd) for what does.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip transcribe "no python3 to make audio with"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
run="transcribe --print-args=false"

# --- What does not need words.
python3 - <<'PY'
import array, math, os, random, wave
random.seed(3)


def write(name, seconds, channels=1, rate=8000):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    n = round(seconds * rate) * channels
    samples = [round(9000 * math.sin(t / (5 + t // 4000 % 7)) * (t // 2000 % 2) + random.gauss(0, 300)) for t in range(n)]
    with wave.open(name, "wb") as w:
        w.setparams((channels, 2, rate, 0, "NONE", ""))
        w.writeframes(array.array("h", samples).tobytes())


for i, name in enumerate(("a.wav", "in/b.wav", "in/deep/c.wav", "in/d e.wav", "in/b.au.wav", "two/a.wav")):
    write(name, 2 + i / 3)
write("stereo.wav", 2, 2)
write("short.wav", 0.01)
write("in/long.wav", 30)
PY
printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'A 3' 'B 4' '▁ 5' >units.txt
printf '%s\n' feature-dim=20 model-dim=16 num-blocks=1 num-heads=2 hidden-dim=16 num-experts=4 decoder-blocks=1 \
  reverse-decoder-blocks=1 >moe.conf
printf '%s\n' sample-frequency=8000 num-mel-bins=20 >fbank.conf
nnet-init --units=units.txt --fbank-config=fbank.conf moe.conf small 2>/dev/null
any="--min-contrast=0 --min-posterior=0" # everything that the untrained model hears
check "a recording" bash -c "$run $any small a.wav >out"
check_equal "is a line" "$(wc -l <out) $(cut -d ' ' -f 1 out)" "1 a"
check "has words" grep -q 'a [AB]' out
list="a.wav in two/a.wav stereo.wav"
names="a.wav b.au b d_e deep/c long two/a.wav stereo" # the first and the last but one would both be a
check "files and folders" bash -c "$run $any small $list >out"
check_equal "in order, by names that differ" "$(cut -d ' ' -f 1 out | xargs)" "$names"
for threads in 2 5; do
  for format in text json ctm; do
    $run $any --format=$format small $list >want 2>/dev/null
    check "$threads threads, $format" bash -c "$run $any --format=$format --threads=$threads small $list >got"
    check "the same" cmp want got
  done
done
echo confidence-slope=0.5 >map.conf
$run $any --format=ctm --confidence-digits=9 small $list >want 2>/dev/null
check "confidences, mapped" bash -c "$run $any --format=ctm --confidence-digits=9 --confidence-map=map.conf small $list >got"
check "are the map of the unmapped" awk 'NR == FNR { x = $6 < 1e-7 ? 1e-7 : $6; want[FNR] = 1 / (1 + exp(-0.5 * log(x / (1 - x)))); next }
  { d = $6 - want[FNR]; if (d < 0) d = -d; if (d > 1e-5) bad = 1 } END { exit bad || FNR < 5 }' want got
$run $any small - <in/long.wav >got 2>/dev/null
check_equal "standard input" "$(sed 's/^stdin/long/' got)" "$(grep '^long ' out)"
check "a command" bash -c "$run $any small 'cat in/long.wav |' >got"
check_equal "the same words" "$(sed 's/^pipe1/long/' got)" "$(grep '^long ' out)"
for format in text json srt vtt ctm textgrid; do
  rm -rf dir
  check "a folder of $format" bash -c "$run $any --format=$format --output-dir=dir/new --threads=3 small $list"
  extension=$format
  case $format in text) extension=txt ;; textgrid) extension=TextGrid ;; esac
  check_equal "its files" "$(cd dir/new && find . -type f | sed 's:^\./::' | sort | xargs)" \
    "$(printf '%s\n' 'd e' ${names/d_e/} | sed "s/\$/.$extension/" | sort | xargs)"
done
check_fails "subtitles of several" 2 'holds one recording, and there are 2: give a folder for them, --output-dir' $run --format=srt small a.wav stereo.wav
check_fails "no such format" 2 'known formats are text, json, srt, vtt, ctm, textgrid' $run --format=doc small a.wav
check_fails "no such channel" 1 'utterance stereo.wav: there is no channel 2' $run --channel=2 small stereo.wav
check_fails "what is no channel" 2 'expected mix, each or a number' $run --channel=left small stereo.wav
check "each channel" bash -c "$run $any --channel=each small stereo.wav >out"
check_equal "is a line of its own" "$(cut -d ' ' -f 1 out | xargs)" "stereo-ch1 stereo-ch2"
for c in 0 1; do
  $run $any --channel=$c small stereo.wav >got 2>/dev/null
  check_equal "channel $c alone" "$(cut -d ' ' -f 2- got)" "$(sed -n "$((c + 1))s/[^ ]* //p" out)"
done
check_equal "in CTM, channels count from 1" "$($run $any --channel=each --format=ctm small stereo.wav 2>/dev/null | cut -d ' ' -f 2 | uniq | xargs)" "1 2"
check_fails "too short for anything" 0 'short.wav: no speech in 0s; everything is silence' $run small short.wav
check_fails "what stands out but is no word" 0 'a.wav: no speech .*1 parts in which something is heard count as noise' $run --min-contrast=0 small a.wav

# Broken ones among good ones.
head -c 3000 a.wav >cut.wav
echo "no audio" >text.wav
: >empty.wav
mkdir -p none bad
cp cut.wav text.wav a.wav bad
for threads in 1 3; do
  check_fails "broken files, $threads threads" 1 '4 of 6 recordings failed' bash -c \
    "$run $any --threads=$threads small a.wav cut.wav text.wav missing.wav stereo.wav none 2>err >out; status=\$?; cat err >&2; exit \$status"
  check_equal "the others are done" "$(cut -d ' ' -f 1 out | xargs)" "a stereo"
  for why in "utterance cut.wav: .*cut off" "utterance text.wav: .*it is text, which begins 'no audio'" \
    "utterance missing.wav: cannot open missing.wav: No such file" "utterance none: no audio in this folder"; do
    check "named: $why" grep -Eq "$why" err
  done
done
check "some may fail" bash -c "$run $any --max-failures=2 --output-dir=dir2 small bad"
check_equal "and leave nothing" "$(ls dir2)" a.txt
check_fails "twice the same" 1 'a.wav: is given twice' $run small a.wav ./a.wav
check_fails "no recording at all" 2 '1 arguments given' $run small
check_fails "a folder without audio alone" 1 'no audio in this folder.*' $run small none

# What is finished stays: where no more can be written, and when it is killed.
check_fails "no more room" 1 'cannot write -: No space left' bash -c "$run $any small a.wav >/dev/full"
mkdir full
ln -s /dev/full full/long.txt
check_fails "no more room for one" 1 'cannot write full/.*: No space left' $run $any --output-dir=full small a.wav in/long.wav
check_equal "what was finished stays" "$(cd full && find . -type f)" ./a.txt
mkfifo slow.wav
for signal in TERM KILL; do
  rm -rf killed
  $run $any --output-dir=killed small a.wav slow.wav 2>/dev/null &
  dir_pid=$!
  exec 7<>slow.wav
  for _ in $(seq 300); do
    if [ -e killed/a.txt ]; then break; fi
    sleep 0.1
  done
  kill -$signal $dir_pid
  wait $dir_pid 2>/dev/null
  exec 7>&-
  check_equal "killed by $signal: the finished transcript is there" "$(cat killed/* | wc -l)" "$(wc -l <full/a.txt)"
done
exec 7<>slow.wav
$run $any small a.wav slow.wav >killed.out 2>/dev/null &
out_pid=$!
for _ in $(seq 300); do
  if [ -s killed.out ]; then break; fi
  sleep 0.1
done
kill -KILL $out_pid
wait $out_pid 2>/dev/null
exec 7>&-
check_equal "and on standard output" "$(cut -d ' ' -f 1 killed.out)" a
check_fails "where no folder can be" 1 'cannot make the folder a.wav/x' $run --output-dir=a.wav/x small a.wav

# Models that lack something.
nnet-init --vocab-size=6 --fbank-config=fbank.conf moe.conf no-units 2>/dev/null
nnet-init --units=units.txt moe.conf no-features 2>/dev/null
check_fails "a model without units" 1 'no-units: the model does not hold its units.*--units=units.txt' $run no-units a.wav
check_fails "a model without feature options" 1 'no-features: the model does not say which features.*--fbank-config=' $run no-features a.wav
$run $any small a.wav >want 2>/dev/null
check "units from elsewhere" bash -c "$run $any --units=units.txt no-units a.wav >got && cut -d ' ' -f 1 got | grep -qx a"
check "features from elsewhere" bash -c "$run $any --fbank-config=fbank.conf no-features a.wav >got"
check "are those of the model" cmp want got
printf '%s\n' '<blank> 0' 'A 1' >few.txt
check_fails "units of another model" 1 'few.txt: 2 units, but small has 6' $run --units=few.txt small a.wav
check_fails "no model" 1 'units.txt' $run units.txt a.wav
printf '%s\n' causal=false dynamic-chunk=false conv-kernel=7 >>moe.conf
nnet-init --units=units.txt --fbank-config=fbank.conf moe.conf offline 2>/dev/null
check_fails "a model that cannot stream has whole segments" 0 'segments are encoded as wholes' $run $any offline in/long.wav
check_fails "and no chunks" 2 "cannot stream; leave the option out" $run --chunk-size=16 offline a.wav
check_fails "endless segments" 2 'memory would grow' $run --endpoint.rule3.min-utterance-length=1e5 small a.wav

# A program in the place of ffmpeg.
mkdir bin
printf '#!/bin/sh\nexec cat %s/a.wav\n' "$PWD" >bin/ffmpeg
printf '\0\0\0\040ftypM4A 0123456789' >talk.m4a
check_fails "what only ffmpeg reads, without it" 1 'talk.m4a: .*it seems to be MP4.*install ffmpeg' env PATH="$BUILD/bin" transcribe small talk.m4a
chmod +x bin/ffmpeg
check "and with it" bash -c "PATH=$PWD/bin:\$PATH $run $any small talk.m4a >got"
check_equal "the words" "$(cut -d ' ' -f 2- got)" "$(cut -d ' ' -f 2- want)"

# --- Digits, by a trained model.
if [ -z "$fsdd" ]; then
  skip "digits" "no shared data/fsdd"
  exit 0
fi
nnet-import --print-args=false "$fsdd/wenet_moe/config.json" "$fsdd/wenet_moe/final.safetensors" digits 2>/dev/null
flac=$fsdd/data/test_clean/flac
head -40 "$fsdd/data/test_clean/text" >ref
cut -d ' ' -f 1 ref | sed "s:.*:$flac/&.flac:" >some
paste -d ' ' <(cut -d ' ' -f 1 ref) some >some.scp

# The same words as the chain of tools, to the letter, for recordings of one segment.
nnet-info --print-args=false --print=features digits >fbank.digits
chain() { # <chunk size> <streaming>
  compute-fbank-feats --config=fbank.digits --dither=0 scp:some.scp ark:feats &&
    nnet-forward --chunk-size="$1" --streaming="$2" digits ark:feats ark:logp ark:enc &&
    ctc-decode --nbest=10 ark:logp ark:nbest ark:scores &&
    attention-rescore digits ark:enc ark:nbest ark:scores ark:tokens && tokens-to-text digits ark:tokens ark,t:want
}
for mode in "16 true" "-1 false" "4 true"; do
  chunk=${mode% *}
  check "the chain of tools, chunk $chunk" chain $mode
  check "transcribe, chunk $chunk" bash -c "$run --chunk-size=$chunk --threads=2 digits \$(cat some) >got"
  check_equal "says the same" "$(sed 's/ *$//' got)" "$(sed 's/ *$//' want)"
done
check "without rescoring" bash -c "$run --rescore=false --nbest=1 digits \$(cat some) >got"
nnet-forward --chunk-size=16 --streaming digits ark:feats ark:logp 2>/dev/null
ctc-decode ark:logp ark:- 2>/dev/null | tokens-to-text digits ark:- ark,t:want 2>/dev/null
check_equal "is the prefix beam search" "$(sed 's/ *$//' got)" "$(sed 's/ *$//' want)"
printf 'ZERO\nNINE\tNaN\n' >hot.txt
check_fails "hot words are read" 1 'hot.txt:2' $run --hot-words=hot.txt digits "$flac/george-tc0000.flac"
printf 'ZERO\t30\n' >hot.txt
check "hot words" bash -c "$run --rescore=false --hot-words=hot.txt --hot-words-whole-words=false digits \$(cat some) >got"
check "change something" bash -c "! cmp -s got want"
printf '%s\n' '\data\' 'ngram 1=4' '' '\1-grams:' '-99 <s>' '-1 </s>' '-0.1 ZERO' '-5 <unk>' '' '\end\' >lm.arpa
check "a language model" bash -c "$run --rescore=false --lm=lm.arpa --lm-weight=2 digits \$(cat some) >got"
check "changes something" bash -c "! cmp -s got want"

# A hundred recordings one after the other, with pauses of all lengths: every word is in some segment.
cat >concat.py <<'PY'
import array, io, json, random, subprocess, sys, wave
fsdd, out = sys.argv[1:]
rng = random.Random(7)
noise = array.array("h", [round(rng.gauss(0, 3)) for _ in range(80000)])
samples, words = array.array("h"), []
times = {}
for line in open(f"{fsdd}/data/test_clean/ref.ctm"):
    key, _, begin, length, word = line.split()
    times.setdefault(key, []).append((float(begin), float(length), word))
keys = [line.split()[0] for line in open(f"{fsdd}/data/test_clean/text")][:100]
for i, key in enumerate(keys):
    data = subprocess.run(["wav-copy", "--print-args=false", f"{fsdd}/data/test_clean/flac/{key}.flac", "-"], check=True,
                          capture_output=True).stdout
    shift = len(samples) / 8000
    words += [(shift + b, shift + b + n, w) for b, n, w in times[key]]
    with wave.open(io.BytesIO(data)) as w:
        samples.frombytes(w.readframes(w.getnframes()))
    pause = (0, 0, 0, 0.3, 0.8, 1.2, 2.5, 8)[i % 8]
    while pause > 0:
        samples += noise[:round(min(pause, 10) * 8000)]
        pause -= 10
with wave.open(out, "wb") as w:
    w.setparams((1, 2, 8000, 0, "NONE", ""))
    w.writeframes(samples.tobytes())
json.dump(words, open(out + ".words", "w"))
PY
cat >inside.py <<'PY'
import array, json, math, sys, wave
audio, words, got = sys.argv[1:]
words, got = (json.load(open(name)) for name in (words, got))
with wave.open(audio) as w:
    samples = array.array("h", w.readframes(w.getnframes()))


# Where a word is heard, in the samples: from its first to its last 10 ms within 40 dB of its loudest. ref.ctm has whole
# recordings of FSDD, and five of these words end with 0.6 s at -50 to -70 dB: lucas' FIVE and EIGHT, heard for 0.35 to
# 0.6 s of 1.14 s, twice with a click of 20 ms at the very end (what is shorter than 50 ms, and 0.2 s away, is no speech).
def heard(begin, end):
    level = []
    for i in range(round(100 * (end - begin))):
        at = round(8000 * begin) + 80 * i
        mean = sum(samples[at:at + 80]) / 80
        level.append(10 * math.log10(sum((v - mean)**2 for v in samples[at:at + 80]) / 80 + 1e-3))
    runs = []
    for i, x in enumerate(level):
        if x < max(level) - 40:
            continue
        if runs and i - runs[-1][1] <= 20:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    runs = [r for r in runs if r[1] - r[0] >= 4]
    return begin + runs[0][0] / 100, begin + (runs[-1][1] + 1) / 100


words = [(*heard(b, e), w) for b, e, w in words]
segments = [(s["begin"], s["end"]) for s in got["segments"]]


def outside(less):  # words that are not wholly inside one segment, were each shorter by so much at both ends
    return [w for w in words if not any(b + less <= w[0] and w[1] <= e - less for b, e in segments)]


lost = outside(0)
far = [w for s in got["segments"] for w in s["words"] if not s["begin"] <= w["begin"] <= w["end"] <= s["end"]]
order = all(a[1] <= b[0] + 1e-9 for a, b in zip(segments, segments[1:]))
print(f"{len(words)} words, {len(segments)} segments, {len(lost)} outside {lost[:3]}, {len(far)} beyond {far[:3]}, {order}")
sys.exit(bool(lost or far or not order or not outside(0.5)))
PY
check "a hundred recordings in one" python3 concat.py "$fsdd" long.wav
{ printf 'long '; head -100 "$fsdd/data/test_clean/text" | cut -d ' ' -f 2- | xargs; } >long.ref
wer() { sed 's/ *$//' "$1" | compute-wer --print-args=false ark:long.ref ark:- 2>/dev/null | sed -n 's/^%WER \([0-9.]*\).*/\1/p'; }
for chunk in 16 -1; do
  check "in chunks of $chunk" bash -c "$run --chunk-size=$chunk --format=json digits long.wav >long.json"
  check "every word is in some segment" python3 inside.py long.wav long.wav.words long.json
  cat "$tmp/.check.out"
  python3 -c 'import json; print("long", *(s["text"] for s in json.load(open("long.json"))["segments"]))' >long.hyp
  check "its error rate is $(wer long.hyp) %, at most 5" awk "BEGIN { exit !($(wer long.hyp) <= 5) }"
done

# Other rates, channels, levels and formats.
paste -d ' ' <(cut -d ' ' -f 1 ref) some | head -8 >few.scp
sed 's/.* //' few.scp >few
# shellcheck disable=SC2046  # names without spaces
$run digits $(cat few) >want 2>/dev/null
if command -v sox >/dev/null; then
  mkdir rate quiet duo
  while read -r file; do
    name=$(basename "$file" .flac)
    sox "$file" -r 44100 -c 2 "rate/$name.flac" 2>/dev/null
    sox -D "$file" -b 24 "quiet/$name.wav" vol 0.01
    sox -M "$file" -v 0.5 "$flac/george-tc0010.flac" "duo/$name.aiff" 2>/dev/null
  done <few
  check "recordings of another rate" bash -c "$run digits rate >got"
  check_equal "say the same" "$(cat got)" "$(sort want)"
  check "quiet recordings" bash -c "$run digits quiet >got 2>log && $run $any digits quiet >all"
  check_equal "none of which is taken for noise" "$(cat got)" "$(cat all)"
  check_equal "all are raised" "$(grep -c "quieter than the model's training, raised by [0-9]* dB" log)" 8
  sed 's/ .*//' few.scp | sort >few.keys
  quiet_errors() { sed 's/ *$//' got | compute-wer --print-args=false "ark:grep -F -f few.keys ref |" ark:- 2>/dev/null | sed -n 's/^%WER .* \[ \([0-9]*\) .*/\1/p'; }
  check "they are heard: $(quiet_errors) of 40 words wrong, at most 4" test "$(quiet_errors)" -le 4
  $run --match-level=false digits quiet >got 2>/dev/null
  check "as they are, they are not: $(quiet_errors)" test "$(quiet_errors)" -ge 8
  check "two speakers" bash -c "$run --channel=each digits duo >got"
  check_equal "the first" "$(sed -n 's/-ch1 / /p' got)" "$(sort want)"
  check_equal "the second" "$(sed -n 's/.*-ch2 //p' got | sort -u)" "$($run digits "$flac/george-tc0010.flac" 2>/dev/null | cut -d ' ' -f 2-)"
  # Digital silence around the words, which no training had: after normalisation it lies 6 deviations below the mean.
  mkdir muted
  while read -r file; do sox -D "$file" "muted/$(basename "$file" .flac).wav" pad 3 3; done <few
  for chunk in 16 -1; do
    # shellcheck disable=SC2046  # names without spaces
    $run --chunk-size=$chunk digits $(cat few) 2>/dev/null | sort >plain
    check "seconds of digital silence around, chunk $chunk" bash -c "$run --chunk-size=$chunk digits muted >got"
    check_equal "add no words" "$(cat got)" "$(cat plain)"
  done
  $run --feature-floor=0 digits muted >got 2>/dev/null
  check "as they do without the floor" bash -c '! cmp -s got plain'
  check_fails "a floor above the mean" 2 'feature-floor=-1: must be' $run --feature-floor=-1 digits muted
  # Ten minutes of silence and of noises.
  mkdir nothing
  sox -D -n -r 8000 -c 1 -b 16 nothing/silence.wav trim 0 600
  sox -D -R -n -r 8000 -c 1 -b 16 nothing/faint.wav synth 600 whitenoise vol 0.0001
  sox -D -R -n -r 8000 -c 1 -b 16 nothing/white.wav synth 600 whitenoise vol 0.1
  sox -D -R -n -r 8000 -c 1 -b 16 nothing/pink.wav synth 600 pinknoise vol 0.5
  sox -D -R -n -r 8000 -c 1 -b 16 nothing/brown.wav synth 600 brownnoise vol 0.5
  sox -D -R -n -r 8000 -c 1 -b 16 nothing/hum.wav synth 600 sine 50 sine 150 vol 0.3
  for chunk in 16 -1; do
    check "ten minutes of silence and noises, chunk $chunk" bash -c "$run --chunk-size=$chunk digits nothing 2>log >got"
    check_equal "give no text" "$(cat got)" "$(printf '%s\n' brown faint hum pink silence white)"
    check_equal "which is said" "$(grep -c 'no speech in 10m00s' log)" 6
    check "in silence no part counts as noise, chunk $chunk" grep -q 'silence.wav: no speech in 10m00s; everything is silence to the model' log
  done
else
  skip "other rates, silence and noise" "no sox"
fi

# Memory does not grow with the length.
megabytes() { # <copies of long.wav>: the peak of transcribing so many
  python3 - "$1" <<'PY'
import resource, subprocess, sys, wave
copies = int(sys.argv[1])
with wave.open("long.wav") as r, wave.open("copies.wav", "wb") as w:
    w.setparams(r.getparams())
    frames = r.readframes(r.getnframes())
    for _ in range(copies):
        w.writeframes(frames)
subprocess.run(["transcribe", "--print-args=false", "--rescore=false", "--nbest=1", "--beam=3", "digits", "copies.wav"], check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}
case $BUILD in *address* | *thread*) skip "memory" "sanitizers take memory of their own" ;; *)
  one=$(megabytes 1) six=$(megabytes 6)
  check "the memory of $((six)) MB for six times $one MB's recording" test "$six" -le "$((one + 4))"
  ;;
esac
