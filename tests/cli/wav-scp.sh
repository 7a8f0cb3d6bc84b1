#!/usr/bin/env bash
# wav.scp as recipes have it, in every tool that reads it: files, commands, what goes wrong, and what is advised.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
PATH=$root/utils:$PATH
if ! command -v python3 >/dev/null; then
  skip wav-scp "no python3 to make audio with"
  exit 0
fi

mkdir "a folder"
python3 - <<'PY'
import random, struct, wave
random.seed(1)
samples = random.randbytes(2 * 16000)
with wave.open("x.wav", "wb") as w:
    w.setparams((1, 2, 16000, 0, "NONE", ""))
    w.writeframes(samples)
plain = open("x.wav", "rb").read()
def save(name, data):
    open(name, "wb").write(data)
save("a folder/x.wav", plain)
save("x.raw", samples)
# As ffmpeg writes into a pipe: sizes unknown, a chunk before the samples.
extra = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf59.27.100\0"
save("ffmpeg.wav", plain[:4] + b"\xff" * 4 + plain[8:36] + extra + b"data" + b"\xff" * 4 + samples)
# As sox does: close to 2 GB.
save("sox.wav", plain[:4] + struct.pack("<I", 0x7ffff024) + plain[8:40] + struct.pack("<I", 0x7ffff000) + samples)
save("8k.wav", plain[:24] + struct.pack("<II", 8000, 16000) + plain[32:])
stereo = bytearray(plain)
stereo[22:24] = b"\2\0"
stereo[28:34] = struct.pack("<IH", 64000, 4)
save("stereo.wav", bytes(stereo))
head = plain[:40]
save("one.wav", head[:4] + struct.pack("<I", 38) + head[8:] + struct.pack("<I", 2) + b"\1\2")
save("none.wav", head[:4] + struct.pack("<I", 36) + head[8:] + struct.pack("<I", 0))
for name, data in (
        ("empty", b""), ("text", b"not found\n" * 9), ("page.wav", b"<!DOCTYPE html><html>404</html>\n" * 30),
        ("data.json", b'{"error": "no such file"}\n'), ("lfs.wav", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
        ("a.mp3", b"ID3\4\0\0\0\0\0\12" + bytes(300)), ("a.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(300)),
        ("a.aac", b"\xff\xf1\x50\x80" + bytes(300)), ("a.webm", b"\x1a\x45\xdf\xa3" + bytes(300)),
        ("a.wma", b"\x30\x26\xb2\x75" + bytes(300)), ("a.amr", b"#!AMR\n" + bytes(300)), ("bad.ogg", b"OggS" + bytes(300)),
        ("x.wav.gz", b"\x1f\x8b\x08" + bytes(300)), ("x.zip", b"PK\3\4" + bytes(300)), ("x.npy", b"\x93NUMPY\1\0" + bytes(300)),
        ("riff", b"RIFF\1"), ("header.wav", plain[:30]), ("cut.wav", plain[:9000]),
        ("codec.wav", plain[:20] + b"\x34\x12" + plain[22:])):
    save(name, data)
PY

cat >wav.scp <<LIST
rel x.wav
abs $tmp/x.wav
dots ./a folder/../x.wav
space a folder/x.wav
cat cat x.wav |
tight cat x.wav|
late cat x.wav |  
quotes cat 'a folder/x.wav' |
double cat "a folder/x.wav" |
inside cat x.wav | cat | cat - |
other head -c 100000 x.wav |
group (cd "a folder" && cat x.wav) |
ffmpeg cat ffmpeg.wav |
sox cat sox.wav |
nested wav-copy --print-args=false "cat x.wav |" - 2>/dev/null |
raw wav-copy --print-args=false --raw-pcm=s16le:16000:1 x.raw - 2>/dev/null |
LIST
n=$(wc -l <wav.scp)
equal_durations() { awk '$2 != 1 { exit 1 }' "$1" && [ "$(wc -l <"$1")" -eq "$n" ]; }
check "wav-to-duration" wav-to-duration scp:wav.scp ark,t:dur
check "finds the same in all" equal_durations dur
check "wav-to-duration --read-entire-file" wav-to-duration --read-entire-file scp:wav.scp ark,t:dur
check "finds the same" equal_durations dur
distinct() { copy-feats --print-args=false "ark:$1" ark,t:- 2>/dev/null | sed 's/^[a-z0-9-]* *\[/[/' | python3 -c '
import sys
parts = sys.stdin.read().split("[")[1:]
print(len(parts), len(set(parts)))'; }
for kind in fbank mfcc; do
  check "compute-$kind-feats" compute-$kind-feats --dither=0 scp:wav.scp ark:$kind.ark
  check_equal "gives the same for all" "$(distinct $kind.ark)" "$n 1"
done
cut -d' ' -f1 wav.scp | sed 's/.*/&-1 & 0.25 0.75/' >segments
check "segments" compute-fbank-feats --dither=0 --segments=segments scp:wav.scp ark:fbank.ark
check_equal "give the same for all" "$(distinct fbank.ark)" "$n 1"
sed 's/ .*/ white 20/' wav.scp >utt2snr
each() { # tool...: the number of entries and of different ones, as features
  "$@" 2>log && compute-fbank-feats --dither=0 ark:out.ark ark:fbank.ark 2>>log && distinct fbank.ark
}
check_equal "extract-segments" "$(each extract-segments scp:wav.scp segments ark:out.ark)" "$n 1"
check_equal "wav-copy" "$(each wav-copy scp:wav.scp ark:out.ark)" "$n 1"
check_equal "modify-speed" "$(each modify-speed --speed=0.9 scp:wav.scp ark:out.ark)" "$n 1"
check_equal "add-noise, which draws for each" "$(each add-noise scp:wav.scp ark:utt2snr ark:out.ark)" "$n $n"
mkdir data
sort wav.scp >data/wav.scp
cut -d' ' -f1 data/wav.scp | sed 's/.*/& &/' | tee data/utt2spk >data/spk2utt
check "get_utt2dur.sh" get_utt2dur.sh data
check "finds the same in all" equal_durations data/utt2dur

# What goes wrong, in each tool: the utterance, the place and the advice.
while IFS='|' read -r name value want; do
  value=${value//@/|}
  echo "$name $value" >bad.scp
  echo "$name-1 $name 0 0.5" >bad.segments
  for tool in "compute-fbank-feats scp:bad.scp ark:x" "wav-to-duration scp:bad.scp ark,t:x" "wav-copy scp:bad.scp ark:x" \
    "modify-speed scp:bad.scp ark:x" "extract-segments scp:bad.scp bad.segments ark:x" \
    "add-noise scp:bad.scp ark:utt2snr ark:x"; do
    case $tool in extract*) key=$name-1 ;; *) key=$name ;; esac
    sed "s/^[a-z]* /$name /" utt2snr >snr.one
    check_fails "$name: ${tool%% *}" 1 "utterance $key: .*bad.scp:1: key '$name' from .*$want" ${tool/utt2snr/snr.one}
  done
done <<'LIST'
missing|nothing.wav|cannot open nothing.wav: No such file or directory in .*
absolute|/nowhere/nothing.wav|cannot open /nowhere/nothing.wav: No such file or directory$
home|~/nothing.wav|nobody expands "~", write the whole path
nopipe|sox x.wav -t wav -|in .*; a command needs a "\|" at its end
unknown|nosuchcommand x.wav @|ended with exit status 127 \(command not found\)
silent|true @|the command wrote nothing, but ended with status 0: try it alone
first|exit 3 @|audio file is empty.*ended with exit status 3
last|cat x.wav; exit 3 @|ended with exit status 3
middle|(false @ cat) @|the command wrote nothing
rawpipe|cat x.raw @|samples without a header.*--raw-pcm=s16le:16000:1.*; if it is audio of another format.*ffmpeg
short|head -c 9000 x.wav @|cut off: its header announces 32000 bytes
folder|a folder|it is a directory
LIST
while read -r file want; do
  echo "a $file" >bad.scp
  check_fails "$file" 1 "utterance a: bad.scp:1: key 'a' from $file: .*$want" wav-copy scp:bad.scp ark:x
done <<'LIST'
empty audio file is empty
text it is text, which begins 'not found'
page.wav it is text, which begins '<!DOCTYPE html>
data.json it is text, which begins '\{"error"
lfs.wav Git LFS.*git lfs pull
a.mp3 it seems to be MP3; .*ffmpeg -i FILE -f wav - \|$
a.m4a it seems to be MP4.*ffmpeg
a.aac it seems to be AAC.*ffmpeg.*--raw-pcm
a.webm Matroska or WebM.*ffmpeg
a.wma Windows Media.*ffmpeg
a.amr AMR.*ffmpeg
bad.ogg Ogg.*ffmpeg
x.wav.gz packed file; unpack it, in wav.scp with: gunzip -c FILE \|
x.zip unzip -p
x.npy NumPy.*--raw-pcm
riff WAV file that was cut off
header.wav cut off
cut.wav cut off: its header announces 32000 bytes of samples, but only 8956 follow
codec.wav encoding is unknown here or its header broken.*ffmpeg
none.wav holds no samples.*sox --ignore-length
x.raw samples without a header, say which with --raw-pcm=s16le:16000:1
LIST
for tool in "wav-copy scp:wav.scp ark:x" "compute-fbank-feats scp:wav.scp ark:x" "compute-mfcc-feats --online-frames=5 x.wav ark:x"; do
  check_fails "--raw-pcm for a WAV file: ${tool%% *}" 1 "it is a WAV file, which tells its format itself; leave out --raw-pcm" \
    ${tool%% *} --raw-pcm=s16le:16000:1 ${tool#* }
done
check_fails "one sample is no frame" 1 "utterance a: .*too short: 1 samples .*one frame needs 400" compute-fbank-feats "scp:echo a one.wav |" ark:x
check "but has a duration" wav-to-duration "scp:echo a one.wav |" ark,t:x
check_fails "no --channel" 1 "utterance a: .*2 channels; choose one with --channel=0 to --channel=1" compute-fbank-feats "scp:echo a stereo.wav |" ark:x
check_fails "rates mixed" 1 "utterance b: .*sampled at 8000 Hz, wanted are 16000 Hz .*--allow-upsample" compute-fbank-feats \
  "scp:echo a x.wav; echo b 8k.wav |" ark:x
check "allowed" compute-fbank-feats --allow-upsample "scp:echo a x.wav; echo b 8k.wav |" ark:x
check_fails "one command that is silent" 1 'the command wrote nothing' wav-copy "true |" -
check_fails "one command that fails" 1 'ended with exit status 4' wav-copy "exit 4 |" -
check_fails "one file that is not there" 1 'cannot open sox x.wav -t wav -: .*needs a "\|" at its end' wav-copy "sox x.wav -t wav -" -

# The option that is at fault is the one that is named first.
while IFS='|' read -r options want; do
  # shellcheck disable=SC2086
  check_fails "compute-fbank-feats $options" 2 "ERROR \\(compute-fbank-feats\\) $want" compute-fbank-feats $options "scp:head -n 1 wav.scp |" ark:x
  # shellcheck disable=SC2086
  check_fails "compute-mfcc-feats $options" 2 "ERROR \\(compute-mfcc-feats\\) $want" compute-mfcc-feats $options "scp:head -n 1 wav.scp |" ark:x
done <<'LIST'
--vtln-warp=10|a VTLN warp of 10 \(--vtln-warp or --vtln-map\)
--vtln-warp=0.1|a VTLN warp of 0.1 \(--vtln-warp or --vtln-map\)
--vtln-warp=0.3 --vtln-low=2500|a VTLN warp of 0.3 \(--vtln-warp or --vtln-map\)
--vtln-warp=1.1 --vtln-low=9000|--vtln-low=9000: must
--vtln-warp=1.1 --vtln-low=5|--vtln-low=5: must
--vtln-warp=1.1 --vtln-high=7999 --high-freq=7000|--vtln-high=7999: means
--vtln-warp=0.9 --vtln-high=-8000|--vtln-high=-8000: means 0 Hz
--vtln-warp=0.9 --vtln-low=3000 --vtln-high=2000|--vtln-low=3000 --vtln-high=2000: 3000 Hz must lie below 2000
--high-freq=9000|--high-freq=9000: must be .* at most 8000 Hz, half of --sample-frequency=16000
--high-freq=-9000|--high-freq=-9000: means -1000 Hz
--low-freq=-5|--low-freq=-5: must be at least 0
--low-freq=8000|--low-freq=8000: must be .* below 8000 Hz, half of --sample-frequency=16000
--low-freq=4000 --high-freq=3000|--low-freq=4000 --high-freq=3000: the band 4000 to 3000 Hz is empty
--low-freq=100 --high-freq=150|--low-freq=100 --high-freq=150: the band is too narrow for --num-mel-bins=23
--num-mel-bins=500|--num-mel-bins=500 is too many for this --frame-length
--frame-length=1|--num-mel-bins=23 is too many for this --frame-length: .* a 16-point spectrum
LIST

# Paths that hold from the data directory, or from one above it, in the scripts that write the table elsewhere.
mkdir -p "my corpus/data/part one" "my corpus/wavs"
cp x.wav "my corpus/wavs/x y.wav"
cp x.wav "my corpus/data/part one/z.wav"
dir="my corpus/data/part one"
cat >"$dir/wav.scp" <<LIST
u1 z.wav
u2 wavs/x y.wav
u3 cat "wavs/x y.wav" |
u4 cat z.wav | cat |
u5 $tmp/x.wav
u6 cat x.wav |
u7 x.wav
LIST
for i in 1 2 3 4 5 6 7; do echo "u$i s$i"; done >"$dir/utt2spk"
sed 's/ .*/ a b/' "$dir/utt2spk" >"$dir/text"
utt2spk_to_spk2utt.pl "$dir/utt2spk" >"$dir/spk2utt"
check_fails "validate: says where they hold" 1 'part one/wav.scp:1: "u1": no file "z.wav" in .*, but in .*part one; utils/wav_paths.sh' \
  validate_data_dir.sh --no-feats "$dir"
check "get_utt2dur: finds them" get_utt2dur.sh "$dir"
check_equal "get_utt2dur: all of them" "$(cut -d' ' -f2 "$dir/utt2dur" | sort | uniq -c | xargs)" "7 1"
check "copy_data_dir" copy_data_dir.sh --validate-opts --no-feats "$dir" copied/there
check "subset_data_dir" subset_data_dir.sh "$dir" 7 small/there
check "split_data" split_data.sh "$dir" 1
check "combine_data" combine_data.sh both/there "$dir"
check "perturb_data_dir_speed" perturb_data_dir_speed.sh 0.5 "$dir" slow/there
for made in copied/there small/there "$dir/split1/1" both/there; do
  check "$made: holds from here" wav-to-duration "scp:$made/wav.scp" ark,t:dur
  check_equal "$made: what held stays as it was" "$(tail -n 3 "$made/wav.scp")" "$(tail -n 3 "$dir/wav.scp")"
done
check_equal "slow/there: what is read" "$(grep -c "'$tmp/my corpus/[^']*/z.wav'\|'$tmp/my corpus'\|'$tmp/my corpus/[^']*' && cat z" slow/there/wav.scp)" 3
if command -v sox >/dev/null; then
  check "slow/there: holds from here" wav-to-duration scp:slow/there/wav.scp ark,t:dur
  check_equal "slow/there: at half the speed" "$(cut -d' ' -f2 dur | sort | uniq -c | xargs)" "7 2"
else
  skip "slow/there: holds from here" "no sox"
fi
