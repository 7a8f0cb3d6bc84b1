#!/usr/bin/env bash
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 > /dev/null; then
  skip add-noise "no python3 to make audio with"
  exit 0
fi

# One second of a 440 Hz tone, amplitude 1000, and one of silence.
python3 - << 'EOF'
import array, math, wave
for name, amplitude in (('tone', 1000), ('zero', 0)):
    with wave.open(f'{name}.wav', 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(array.array('h', [round(amplitude * math.sin(2 * math.pi * 440 * i / 16000))
                                        for i in range(16000)]).tobytes())
EOF
printf 'a tone.wav\nb tone.wav\n' > wav.scp
printf 'a white 10\nb pink 0.5\n' > utt2snr
check "noise for two recordings" add-noise --seed=3 scp:wav.scp ark:utt2snr ark,scp:n.ark,n.scp
check "again" add-noise --seed=3 scp:wav.scp ark:utt2snr ark:n2.ark
check "same seed, same bytes" cmp n.ark n2.ark
check "another seed" add-noise --seed=4 scp:wav.scp ark:utt2snr ark:n3.ark
check_fails "gives other bytes" 1 'differ' bash -c 'cmp n.ark n3.ark >&2'
check_equal "the duration stays" "$(wav-to-duration scp:n.scp ark,t:- 2> /dev/null | sed 's/ $//')" $'a 1\nb 1'

# Signal to noise, measured: dB of the difference to the clean tone.
python3 - > snr << 'EOF'
import array, math, wave
clean = array.array('h', wave.open('tone.wav').readframes(16000))
data = open('n.ark', 'rb').read()
for key in (b'a ', b'b '):
    at = data.index(key + b'RIFF') + 2 + 44
    noisy = array.array('h', data[at:at + 32000])
    noise = sum((x - y)**2 for x, y in zip(noisy, clean))
    print(round(10 * math.log10(sum(x * x for x in clean) / noise), 1))
EOF
within() { awk -v want="$2" -v by="$3" -v line="$1" 'NR == line { exit !($1 > want - by && $1 < want + by) }' snr; }
check "white noise at 10 dB" within 1 10 0.3
check "pink noise at 0.5 dB" within 2 0.5 2

# A range: each utterance has a ratio of its own within it, the same for the same seed.
for i in $(seq 20); do echo "u$i tone.wav"; done >many.scp
sed 's/ .*/ white 5:20/' many.scp >range
check "a range of ratios" add-noise scp:many.scp ark:range ark:r.ark
python3 - >snr <<'EOF'
import array, math, wave
clean = array.array('h', wave.open('tone.wav').readframes(16000))
data = open('r.ark', 'rb').read()
at = 0
while (at := data.find(b'RIFF', at)) >= 0:
    noisy = array.array('h', data[at + 44:at + 32044])
    print(10 * math.log10(sum(x * x for x in clean) / sum((x - y)**2 for x, y in zip(noisy, clean))))
    at += 32044
EOF
check "twenty ratios over the range" awk '$1 < 4.7 || $1 > 20.3 {bad = 1} $1 < 10 {++low} $1 > 15 {++high}
  END {exit bad || NR != 20 || low < 2 || high < 2}' snr
echo "a tone.wav" >tone.scp
check "none" add-noise scp:tone.scp "ark:echo a none |" ark,scp:none.ark,none.scp
check "none is the recording itself" wav-copy scp:none.scp "scp:echo a none.wav |"
check "to the bit" cmp none.wav tone.wav

# Rooms: against a convolution written out here; direct sound after 100 samples, echoes after 40 and 100 ms.
python3 - <<'EOF'
import array, random, wave
def write(name, samples, rate=16000):
    with wave.open(name, 'wb') as w:
        w.setparams((1, 2, rate, 0, 'NONE', ''))
        w.writeframes(array.array('h', samples).tobytes())
random.seed(5)
write('speech.wav', [round(random.gauss(0, 2000)) for _ in range(8000)])
rir = [0] * 1800
rir[90], rir[100], rir[740], rir[1700] = -20000, 16000, -6000, 4000
write('room.wav', rir)
write('dry.wav', [1])
EOF
printf 'room room.wav\ndry dry.wav\n' >rirs.scp
printf 'a speech.wav\nb speech.wav\n' >speech.scp
printf 'a none\nb none\n' >no_noise
printf 'a room\nb dry\n' >utt2rir
check "rooms" add-noise --rirs=scp:rirs.scp --utt2rir=ark:utt2rir scp:speech.scp ark:no_noise ark,scp:rooms.ark,rooms.scp
check "as files" wav-copy scp:rooms.scp "scp:printf 'a a.wav\nb b.wav\n' |"
check "the dry room changes nothing" cmp b.wav speech.wav
as_kaldi() { # energy of the whole convolution is that of the recording, moved back by the direct sound's place
  python3 -c '
import array, math, wave
def read(name):
    with wave.open(name) as w:
        return array.array("h", w.readframes(w.getnframes()))
x, y, taps = read("speech.wav"), read("a.wav"), {90: -20000, 100: 16000, 740: -6000, 1700: 4000}
full = [sum(h * x[i - d] for d, h in taps.items() if 0 <= i - d < len(x)) for i in range(len(x) + 1799)]
scale = math.sqrt(sum(v * v for v in x) / len(x) / (sum(v * v for v in full) / len(full)))
assert len(y) == len(x)
assert max(abs(scale * full[i + 100] - y[i]) for i in range(len(y))) < 0.6'
}
check "reverberation as Kaldi's wav-reverberate --shift-output" as_kaldi
check "a room is drawn" add-noise --rirs=scp:rirs.scp --seed=2 scp:many.scp ark:range ark:d1.ark
check "again" add-noise --rirs=scp:rirs.scp --seed=2 scp:many.scp ark:range ark:d2.ark
check "the same ones" cmp d1.ark d2.ark
check_fails "an unknown room" 1 "utterance a: .*attic" add-noise --rirs=scp:rirs.scp "--utt2rir=ark:printf 'a attic\nb dry\n' |" scp:speech.scp ark:no_noise ark:o.ark
check_fails "no channel of it" 1 "no channel 1" add-noise --rirs=scp:rirs.scp --rir-channel=1 scp:speech.scp ark:no_noise ark:o.ark
check_fails "rooms without a table" 2 "utt2rir needs --rirs" add-noise --utt2rir=ark:utt2rir scp:speech.scp ark:no_noise ark:o.ark

# Recorded noise: ramps, so that the place within them can be told; one shorter than the tone, one longer, one at half
# the rate. What was added is a stretch of it, or it over and over, at the ratio asked for.
python3 - << 'EOF'
import array, wave
def write(name, samples, rate=16000, channels=1):
    with wave.open(name, 'wb') as w:
        w.setparams((channels, 2, rate, 0, 'NONE', ''))
        w.writeframes(array.array('h', samples).tobytes())
write('short.wav', range(-3500, 3500))
write('long.wav', range(-32000, 32000))
write('both.wav', [v for x in range(-32000, 32000) for v in (0, x)], 16000, 2)
write('half.wav', [i * 7919 % 2001 - 1000 for i in range(20000)], 8000)
write('quiet.wav', [0] * 20000)
EOF
printf 'long long.wav\nshort short.wav\n' >noises.scp
sed 's/ .*/ recorded 5:15/' many.scp >recorded
check "recorded noise" add-noise --noises=scp:noises.scp scp:many.scp ark:recorded ark,scp:rec.ark,rec.scp
cat > heard.py << 'EOF'
# Prints key, noise, start, error and dB: the ramp that fits what was added best, from start and slope of its line.
import array, math, re, sys, wave
clean = array.array('h', wave.open('tone.wav').readframes(16000))
data = open(sys.argv[1], 'rb').read()
def level(x): return math.sqrt(sum(v * v for v in x) / len(x))
for key, at in re.findall(r'^(\S+) .*:(\d+)$', open(sys.argv[2]).read(), re.M):
    noisy = array.array('h', data[int(at) + 44:int(at) + 44 + 32000])
    noise = [x - y for x, y in zip(noisy, clean)]
    best = (9, '', 0)
    for name, n in ('short', 7000), ('long', 64000):
        for begin in 0, 3500, 7000: # where the ramp may begin anew, but not in all of them
            part = noise[begin:begin + 3000]
            mean, middle = sum(part) / 3000, 1499.5
            slope = sum((i - middle) * v for i, v in enumerate(part)) / sum((i - middle)**2 for i in range(3000))
            if slope <= 0: continue
            start = round(mean / slope + n / 2 - middle - begin) % n
            want = [slope * ((start + i) % n - n / 2) for i in range(16000)]
            # 30 jumps at most may be some samples off where rounding hides the place.
            error = level(sorted(abs(x - y) for x, y in zip(noise, want))[:-30]) / level(noise)
            best = min(best, (error, name, start))
    print(key, best[1], best[2], f'{best[0]:.4f}', round(20 * math.log10(level(clean) / level(noise)), 3))
EOF
check "is heard" bash -c 'python3 heard.py rec.ark rec.scp >heard && cat heard'
check_equal "as a stretch of it or as it over and over, of both, at 5 to 15 dB" \
  "$(awk '$4 > 0.02 || $5 < 4.9 || $5 > 15.1 || $2 == "long" && $3 > 48010 { print } { ++of[$2] }
    END { print NR, (of["short"] > 3), (of["long"] > 3) }' heard)" "20 1 1"
check_equal "in twenty places" "$(awk '{ print $3 }' heard | sort -u | wc -l)" 20
for part in 1 2; do # each job has its utterances only
  awk -v part=$part 'NR % 2 == part % 2' many.scp >part.scp
  add-noise --noises=scp:noises.scp scp:part.scp ark:recorded "ark,scp:part$part.ark,part$part.scp" 2>/dev/null
done
check "in two jobs" bash -c 'sort -V part1.scp part2.scp >parts.scp; wav-copy scp:parts.scp ark:parts.ark'
check "the same" cmp parts.ark rec.ark
check "noises in an archive" bash -c 'wav-copy scp:noises.scp ark:- | add-noise --noises=ark:- scp:many.scp ark:recorded ark:o.ark'
check "are the same" cmp o.ark rec.ark
sed 's/ .*/ short/' many.scp >utt2noise
check "a noise by name" add-noise --noises=scp:noises.scp --utt2noise=ark:utt2noise scp:many.scp ark:recorded ark,scp:o.ark,o.scp
check_equal "that one" "$(python3 heard.py o.ark o.scp | awk '{ print $2, $4 < 0.02 }' | sort | uniq -c | xargs)" "20 short 1"
for noise in long both half quiet; do echo "n $noise.wav" >$noise.scp; done
add-noise --noises=scp:long.scp scp:many.scp ark:recorded ark:mono.ark 2>/dev/null
check "a channel" add-noise --noises=scp:both.scp --noise-channel=1 scp:many.scp ark:recorded ark:o.ark
check "is that recording" cmp o.ark mono.ark
check "another rate" add-noise --noises=scp:half.scp scp:many.scp ark:recorded ark,scp:o.ark,o.scp
check_equal "at its ratio" "$(python3 heard.py o.ark o.scp | awk '$5 > 4.9 && $5 < 15.1' | wc -l)" 20
check_fails "silence is no noise" 1 "utterance u1: .*nothing but zeros" add-noise --noises=scp:quiet.scp scp:many.scp ark:recorded ark:o.ark
check_fails "no noises" 2 "wants recorded noise: give --noises" add-noise scp:many.scp ark:recorded ark:o.ark
check_fails "an empty table of them" 1 "no recordings in --noises=" add-noise --noises=scp:/dev/null scp:many.scp ark:recorded ark:o.ark
check_fails "names without noises" 2 "utt2noise needs --noises" add-noise --utt2noise=ark:utt2noise scp:many.scp ark:recorded ark:o.ark

printf 'a white 10\nb brown 3\n' > odd
check_fails "an unknown kind of noise" 1 "b.*noise is white, pink or recorded, not 'brown'" \
  add-noise scp:wav.scp ark:odd ark:o.ark
printf 'a white 10\nb white\n' > odd
check_fails "a line without dB" 1 "b.*as 'white 12.5' or .*, not 'white'" add-noise scp:wav.scp ark:odd ark:o.ark
for db in nan inf -inf 1e308 10,5; do
  printf 'a white 10\nb white %s\n' $db > odd
  check_fails "$db dB" 1 "utterance b: wav.scp:2: key 'b' from tone.wav: its line of utt2snr must be" \
    add-noise scp:wav.scp ark:odd ark:o.ark
done
printf 'a white 10\n' > odd
check_fails "an utterance missing in utt2snr" 1 'b' add-noise scp:wav.scp ark:odd ark:o.ark
check "is skipped within --max-failures" add-noise --max-failures=1 scp:wav.scp ark:odd ark:o.ark
printf 'z zero.wav\n' > zero.scp
printf 'z pink 3\n' > zero.snr
check_fails "silence" 1 'z.*no signal' add-noise scp:zero.scp ark:zero.snr ark:o.ark
check_fails "a bad option" 2 'nonsense' add-noise --nonsense=1 scp:wav.scp ark:utt2snr ark:o.ark
