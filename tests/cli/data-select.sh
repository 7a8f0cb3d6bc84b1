#!/usr/bin/env bash
# The tools that make people's data usable: paths of wav.scp, what audio is, what is left out, splitting, letters.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
if ! command -v python3 > /dev/null; then
  skip data-select "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
utils=$root/utils
tone() { # <file> <seconds> [<rate>]: without sox
  python3 - "$@" << 'E'
import array, math, sys, wave
rate = int(sys.argv[3]) if len(sys.argv) > 3 else 8000
with wave.open(sys.argv[1], 'wb') as w:
    w.setparams((1, 2, rate, 0, 'NONE', ''))
    w.writeframes(array.array('h', [int(3000 * math.sin(i / 3)) for i in range(int(float(sys.argv[2]) * rate))]).tobytes())
E
}

# wav_paths: each way of saying where audio is, with quotes and spaces in names.
corpus="$tmp/Ann's \"corpus\""
mkdir -p "$corpus/data/train/wav" "$tmp/desk/x y"
cd "$tmp/desk" || exit 1
tone "$corpus/data/train/wav/in folder.wav" 1
tone "$corpus/data/above.wav" 1
tone "$corpus/twice above.wav" 1
tone "x y/here's.wav" 1
cp "$corpus/data/train/wav/in folder.wav" "$tmp/desk/quote\".wav"
cp "$corpus/data/train/wav/in folder.wav" "$corpus/data/plain"
wav-copy "$corpus/twice above.wav" - 2> /dev/null > t.wav && { printf 'k ' && cat t.wav; } > "$corpus/data/train/wav.ark"
cat > "$corpus/data/train/wav.scp" << EOF2
a $corpus/data/above.wav
b wav/in folder.wav
c above.wav
d twice above.wav
e x y/here's.wav
f	quote".wav
g cat 'wav/in folder.wav' |
h cat "x y/here's.wav" | cat |
i cat x\\ y/here\\'s.wav | wav-copy - - |
j wav.ark:2
l sh -c 'cat "twice above.wav"' |
m cat quote\\".wav |
n wav-copy --print-args=false - - < plain |
EOF2
"$utils/wav_paths.sh" "$corpus/data/train/wav.scp" all.scp 2> paths.log
check "from any folder all are read" bash -c 'cd / && wav-to-duration "scp:$0/all.scp" ark,t:"$0/dur"' "$tmp/desk"
check_equal "each of them a second" "$(cut -d ' ' -f 2 dur | sort | uniq -c | tr -s ' ')" " 13 1"
check_equal "a relative path becomes absolute" "$(sed -n 's/^d //p' all.scp)" "$corpus/twice above.wav"
check_equal "a command without files of ours stays" "$(printf 'k gzip -dc /tmp/a.gz |\n' > k.scp && "$utils/wav_paths.sh" k.scp - 2> /dev/null;
  "$utils/wav_paths.sh" k.scp k2.scp 2> /dev/null; cat k2.scp)" "k gzip -dc /tmp/a.gz |"
rm -f -- -
printf 'n no.wav\no also/no.wav:77\n' > n.scp
check "what is nowhere is counted" bash -c '"$0" n.scp n2.scp 2>&1 | grep -q "2 of 2 audio files are not there, \"n\" first"' \
  "$utils/wav_paths.sh"
check_equal "and stays" "$(cat n2.scp)" "$(cat n.scp)"
check_fails "no table" 1 'no file nothing' "$utils/wav_paths.sh" nothing
# A recipe and the feature step take the same.
sed 's/ .*/ one two/' all.scp > "$corpus/data/train/text"
sed 's/ .*/ ann/' all.scp > "$corpus/data/train/utt2spk"
printf 'ann %s\n' "$(cut -d ' ' -f 1 all.scp | tr '\n' ' ')" | sed 's/ $//' > "$corpus/data/train/spk2utt"
clone=$(make_clone)
mkdir conf
printf 'sample-frequency=8000\n' > conf/fbank.conf
cp -r "$corpus/data/train" "$corpus/data/other"
before=$(cat "$corpus/data/other/wav.scp")
check "make_fbank.sh" "$clone/utils/steps/make_fbank.sh" --nj 2 "$corpus/data/train" "$tmp/desk/log" "$tmp/desk/feats"
check_equal "all features" "$(wc -l < "$corpus/data/train/feats.scp")" 13
check_equal "its wav.scp is as it was" "$(cat "$corpus/data/train/wav.scp")" "$before"
if command -v parallel > /dev/null; then
  cp -r "$corpus/data/train" "$corpus/data/dev" && cp -r "$corpus/data/train" "$corpus/data/test"
  check "egs/fsdd" "$clone/egs/fsdd/run.sh" --data "$corpus" --tests test --stop-stage 1
  check "and its features" "$clone/egs/fsdd/run.sh" --data "$corpus" --tests test --stage 2 --stop-stage 2
else
  skip "egs/fsdd" "no parallel"
fi

# wav_facts
printf 'a %s\nb %s\n' "$corpus/twice above.wav" "$tmp/desk/silence.wav" > two.scp
python3 -c 'import wave; w = wave.open("silence.wav", "wb"); w.setparams((2, 2, 16000, 0, "NONE", "")); w.writeframes(b"\0" * 64000)'
check_equal "rate, channels, seconds, sound" "$(wav-copy scp:two.scp ark:- 2> /dev/null | "$utils/wav_facts.sh")" \
  $'a 8000 1 1 sound\nb 16000 2 1 silent'
check_fails "no archive" 1 'no archive of WAV files' bash -c 'echo "a something that is no WAV" | "$0"' "$utils/wav_facts.sh"
check_fails "cut off" 1 'ends inside a WAV file' bash -o pipefail -c 'wav-copy scp:two.scp ark:- 2> /dev/null | head -c 9000 | "$0"' \
  "$utils/wav_facts.sh"

# filter_utts
make() { # <dir> <lines "utt seconds text...">
  rm -rf "$1" && mkdir -p "$1"
  while read -r u s text; do
    echo "$u $text" >> "$1/text"
    echo "$u ${u%%-*}" >> "$1/utt2spk"
    echo "$u $s" >> "$1/utt2dur"
  done
}
printf '%s\n' 'a-1 1 abcdefg' 'a-2 0.2 a' 'a-3 40 a' 'b-1 1 aabbccdd eeffgghh' 'b-2 0.5 abcdefghi' |
  make some
check "filter" bash -c '"$0" --min-seconds 0.3 --max-seconds 30 some 2> filter.log' "$utils/filter_utts.sh"
# 1 s: 98 frames, 23 encoder frames; b-1 needs 17 letters and 8 blanks. 0.5 s: 48 frames, 11.
check_equal "what stays" "$(cut -d ' ' -f 1 some/utt2spk | tr '\n' ' ')" "a-1 b-2 "
check_equal "reasons are kept" "$(sort some/dropped)" \
  $'a-2 shorter than 0.3 s\na-3 longer than 30 s\nb-1 more letters than encoder frames'
check "and counted" grep -q '1 of 5 utterances left out: more letters than encoder frames: b-1' filter.log
printf '%s\n' 'a-1 1 abcd' 'b-2 0.6 abcd' | make dense
"$utils/filter_utts.sh" --max-letters-per-second 5 dense 2> /dev/null
check_equal "letters a second" "$(cat dense/dropped)" "b-2 more than 5 letters a second"
printf '%s\n' 'a-1 1 x' | make none
check_fails "nothing remains" 1 'no utterance remains' "$utils/filter_utts.sh" --min-seconds 2 none
printf '%s\n' 'a-1 1 x' 'a-2 3 x' 'a-3 1 x' | make many
check_fails "too many" 1 '2 of 3 utterances would be left out; --max-share 0.5 allows 1' \
  "$utils/filter_utts.sh" --min-seconds 2 --max-share 0.5 many
check_equal "and nothing was written" "$(wc -l < many/text)" 3
mkdir -p channel && printf 'r 8000 2 9 sound\n' > channel/reco2audio && printf 'r x.wav\n' > channel/wav.scp
printf 'a-%s r 1 2 %s\n' 0 0 1 1 2 2 > channel/segments && echo "a-3 r 3.25 3.35" >> channel/segments
printf 'a-%s a\n' 0 1 2 3 | tee channel/text > channel/utt2spk
"$utils/filter_utts.sh" channel 2> /dev/null
check_equal "what extract-segments would not cut out" "$(cat channel/dropped)" \
  $'a-2 its segment names a channel that the recording has not\na-3 its segment is not longer than 0.1 s'
# The trainer agrees about where letters no longer fit: 11 encoder frames.
printf '%s\n' 'a-1 0.5 abcdefghijk' 'a-2 0.5 abcdefghijkl' 'a-3 0.5 abcdefghii' 'a-4 0.5 abcdefghiij' 'a-5 0.5 abcde ghijk' | make edge
python3 -c 'print("\n".join(f"{u}  [\n" + " 0 1 2 3 4 5 6 7\n" * 48 + "]" for u in ["a-%d" % i for i in range(1, 6)]))' > edge.ark
"$utils/make_units.py" edge/text > edge.units
text-to-tokens edge.units ark:edge/text ark:edge.tokens 2> /dev/null
printf '%s\n' feature-dim=8 model-dim=8 num-blocks=1 num-heads=2 hidden-dim=8 decoder-blocks=1 reverse-decoder-blocks=1 > edge.conf
nnet-init --units=edge.units edge.conf edge.init 2> /dev/null
nnet-train --epochs=1 --batch-size=2 --max-failures=5 edge.init ark:edge.ark ark:edge.tokens edge.model 2> train.log
"$utils/filter_utts.sh" edge 2> /dev/null
check_equal "as nnet-train sees it" "$(cut -d ' ' -f 1 edge/dropped | tr '\n' ' ')" \
  "$(grep -o 'a-[0-9][^0-9].*too few' train.log | cut -c 1-3 | sort -u | tr '\n' ' ')"

# Word pieces: these are counted, not their letters; and a piece twice needs a blank between.
printf '%s\n' 'a-1 0.5 abcdefghijklmnopqrst' 'a-2 0.5 abcd' 'a-3 0.5 abcd' 'a-4 0.5 xy' | make pieces
printf '%s\n' 'a-1 1 2 3 4 5 6 7 8 9 10 11 ' 'a-2 5 5 5 5 5 5 ' 'a-3 5 5 5 5 5 5 5 ' > pieces.tokens
check "word pieces" "$utils/filter_utts.sh" --tokens pieces.tokens pieces
check_equal "fit where letters would not, and the other way round" "$(cat pieces/dropped)" 'a-3 more units than encoder frames'

# split_off_set
sides() { # <dir> <dir> <table>: values on both sides
  comm -12 <(cut -d ' ' -f 2- "$1/$3" | tr -d ',.!' | tr 'A-Z' 'a-z' | sort -u) \
    <(cut -d ' ' -f 2- "$2/$3" | tr -d ',.!' | tr 'A-Z' 'a-z' | sort -u) | wc -l
}
for ((i = 0; i < 200; ++i)); do echo "s$((i % 20))-$i 1 text number $((i * 7)) is here"; done | LC_ALL=C sort | make spk
"$utils/split_off_set.sh" --share 0.2 spk rest part 2> split.log
check "by speaker" grep -q 'whole speakers, no text on both sides' split.log
check_equal "no speaker and no text on both sides" "$(sides rest part utt2spk) $(sides rest part text)" "0 0"
check_equal "a fifth" "$(wc -l < part/text) $(wc -l < rest/text)" "40 160"
"$utils/split_off_set.sh" --share 0.2 spk rest2 part2 2> /dev/null
check_equal "the same each time" "$(cat part2/text)" "$(cat part/text)"
"$utils/split_off_set.sh" --share 0.2 --seed 2 spk rest2 part2 2> /dev/null
check "but for the seed" bash -c '! cmp -s part/text part2/text'
for ((i = 0; i < 200; ++i)); do
  case $((i % 4)) in 0) t="Say, $((i / 4 % 25))!" ;; *) t="say $((i / 4 % 25))" ;; esac
  echo "s$((i % 20))-$i 1 $t"
done | LC_ALL=C sort | make same
awk '{ print $1, (NR % 10 < 2 ? "few" : "many") }' same/utt2spk > same/utt2lang
"$utils/split_off_set.sh" --share 0.2 same rest part 2> split.log
check "all say the same: by text" grep -q 'no text on both sides, speakers on both' split.log
check_equal "whatever case and punctuation" "$(sides rest part text)" 0
for ((i = 0; i < 40; ++i)); do echo "s$((i % 2))-$i 1 yes"; done | LC_ALL=C sort | make yes
"$utils/split_off_set.sh" yes rest part 2> split.log
check "one text" grep -q 'a few texts are all there is' split.log
check_fails "by text alone that is an error" 1 'too few texts' "$utils/split_off_set.sh" --by text yes rest part
check_fails "two speakers" 1 'cannot be split' "$utils/split_off_set.sh" --by speaker yes rest part
printf '%s\n' 'a-1 1 x' | make one
check_fails "nothing to split" 1 'nothing to split' "$utils/split_off_set.sh" one rest part
check_fails "a share" 2 'a share between 0 and 1' "$utils/split_off_set.sh" --share 2 yes rest part
check_fails "in place" 2 'is read and written' "$utils/split_off_set.sh" yes rest yes

# clean_data_dir: what the recipe's test does not have
mkdir -p odd
printf 'u1 e\xcc\x81te\xe2\x80\x8b  x\xc2\xa0y\n\nu2 bad \xff\nu3 one\nu3 two\nu4 \xe2\x96\x81\nu5 fine\nu5 fine\n' > odd/text
for i in 1 2 3 4 5; do echo "u$i $corpus/twice above.wav"; done > odd/wav.scp
echo "u9 a" > odd/utt2spk && printf 'u%s a\n' 5 3 1 2 4 >> odd/utt2spk
check "odd texts" bash -c '"$0" odd clean 2> clean.log' "$utils/clean_data_dir.sh"
check_equal "composed, visible, spaces as spaces" "$(cat clean/text)" $'u1 \xc3\xa9te x y\nu5 fine'
check_equal "the others with reasons" "$(sort clean/dropped)" \
  "u2 its text is not UTF-8
u3 text has two lines for it that differ
u4 its text holds the word mark ▁
u9 it has no text"
# Whatever names and texts hold: what is left passes the check that the steps make.
mkdir -p hidden
printf 'u1 <s> one \x01two </s>\nu2 #0 </s>\nu3 mirë\xe1\xa0\x8e\nu\xc2\xa04 a\nu\xff5 a\nu6 a\nu7 a\nu8 a\nu9 a\0b\n' > hidden/text
printf 'u%b r-%b 0 1\n' 1 1 2 1 3 1 '\xc2\xa04' 1 '\xff5' 1 6 '\xe2\x80\x8b6' 7 1 8 8 9 1 > hidden/segments
printf 'r-%b true |\n' 1 '\xe2\x80\x8b6' > hidden/wav.scp && printf 'r-8 cat caf\xe9.wav |\n' >> hidden/wav.scp
printf 'u%b %b\n' 1 z 2 z 3 a '\xc2\xa04' a '\xff5' a 6 a 7 'a\xc2\xad' 8 a 9 a > hidden/utt2spk
printf 'u1 Z\xfcrich West\nu3 x\n' > hidden/utt2place
check "odd names and symbols" bash -c '"$0" hidden seen 2> clean.log' "$utils/clean_data_dir.sh"
check_equal "words without symbols and control characters" "$(cat seen/text)" $'u1 one two\nu3 mirë\nu9 a b'
check_equal "names that nobody sees" "$(LC_ALL=C sort seen/dropped)" \
  'u2 its text is empty
u6 its recording holds what nobody sees (U+200B ZERO WIDTH SPACE)
u7 its speaker holds what nobody sees (U+00AD SOFT HYPHEN)
u8 the path of its audio is not UTF-8 (cat caf\xe9.wav |)
u\u{A0}4 its name holds what nobody sees (U+00A0 NO-BREAK SPACE)
u\xff5 its name is not UTF-8 (u\xff5)'
check "what is left is a good data directory" "$utils/validate_data_dir.sh" --no-feats --no-spk-sort seen
printf '\xff\xfeu\0' > odd/text
check_fails "UTF-16" 1 'odd/text: this is UTF-16.*iconv' "$utils/clean_data_dir.sh" odd clean2
check_fails "no audio table" 1 'no wav.scp' "$utils/clean_data_dir.sh" some clean2

# unknown_letters
printf '<blank> 0\n<unk> 1\n<sos/eos> 2\na 3\nb 4\n▁ 5\n' > u.txt
printf 'u1 ab ba\nu2 axa\nu3 xx\xd1\x8f\n' > t.txt
check "letters are named once" bash -c '"$0" u.txt t.txt 2>&1 |
  grep -q "2 letters .* in 2 utterances: .x. U+0078 LATIN SMALL LETTER X (3 times), .я. U+044F .* (1 time)"' "$utils/unknown_letters.sh"
printf 'u1 ab ba\n' > t.txt
check_equal "none, no word" "$("$utils/unknown_letters.sh" u.txt t.txt 2>&1)" ""
