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

printf 'a white 10\nb brown 3\n' > odd
check_fails "an unknown kind of noise" 1 "b.*noise is white or pink, not 'brown'" \
  add-noise scp:wav.scp ark:odd ark:o.ark
printf 'a white 10\nb white\n' > odd
check_fails "a line without dB" 1 "b.*as 'white 12.5', not 'white'" add-noise scp:wav.scp ark:odd ark:o.ark
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
