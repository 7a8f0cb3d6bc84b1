#!/usr/bin/env bash
# egs/own-data on generated speech with all that people's data have, from a clone under a path with a space.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
for c in python3 espeak-ng sox parallel; do
  if ! command -v $c > /dev/null; then
    skip own-data "no $c"
    exit 0
  fi
done
export PYTHONDONTWRITEBYTECODE=1
clone=$(make_clone)
run="$clone/egs/own-data/run.sh"
corpus="$tmp/Bob's corpus"
mkdir -p "$corpus"/{train/wav,test/wav,test_parts,wav} "$tmp/here/sounds"
cd "$tmp/here" || exit 1

# Training: 40 good utterances of 4 speakers, whose audio is told in every way; then what cannot be used.
words=(one two three four five six seven eight nine ten)
train=$corpus/train
printf '\xef\xbb\xbf' > "$train/text"
for ((i = 0; i < 40; ++i)); do
  u=s$((i % 4))-$(printf %02d $i)
  text="${words[i % 10]} ${words[i * 3 % 10]} ${words[i / 4]}"
  printf '%s\t%s\r\n' "$u" "$text" >> "$train/text"
  echo "$u voice$((9 - i % 4))" >> "$train/utt2spk" # in another order than utterances
  echo "$u $([ $((i % 2)) = 0 ] && echo en || echo xx)" >> "$train/utt2lang"
  case $((i % 8)) in
    0) speak en "$text" "$train/wav/$u.wav" -r 16000 && echo "$u $train/wav/$u.wav" ;;
    1) speak en "$text" "$train/wav/$u it's.flac" -r 22050 && echo "$u wav/$u it's.flac" ;;
    2) speak en "$text" "$corpus/wav/$u.ogg" -r 44100 -c 2 && echo "$u wav/$u.ogg" ;;
    3) speak en "$text" "$tmp/here/sounds/$u.wav" -r 8000 && echo "$u sounds/$u.wav" ;;
    4) speak en "$text" "$tmp/$u.wav" -r 16000 && echo "$u $(basename "$tmp")/$u.wav" ;; # from above: not found
    5) speak en "$text" "$train/wav/$u.wav" -r 16000 -c 2 && echo "$u sox 'wav/$u.wav' -r 8000 -t wav - |" ;;
    6) speak en "$text" "$train/wav/$u.wav" -r 16000 && echo "$u sox \"$train/wav/$u.wav\" -t wav - | cat |" ;;
    7) speak en "$text" "$corpus/train/wav/$u.wav" -r 8000 && echo "$u train/wav/$u.wav" ;;
  esac
done > "$train/wav.scp"
sed -i "s:^\(s[0-9]-[0-9]*\) $(basename "$tmp")/:\1 $tmp/:" "$train/wav.scp"
cp "$train/wav/s0-00.wav" "$train/wav/again.wav"
echo "this is no audio" > "$train/wav/broken.wav"
sox -n -r 16000 "$train/wav/silent.wav" trim 0 2
for u in empty broken silent long absent; do
  echo "s0-$u s0" >> "$train/utt2spk"
  echo "s0-$u wav/$([ $u = empty ] || [ $u = long ] && echo again || echo $u).wav" >> "$train/wav.scp"
done
{
  printf 's0-empty \r\n\r\n'
  printf 's0-%s one two\n' broken silent absent
  printf 's0-long %s\n' "$(printf 'seven%.0s ' {1..60})"
} >> "$train/text"
# A test set with a letter that training has not and a text that it has; one of parts of recordings.
test=$corpus/test
for ((i = 0; i < 6; ++i)); do
  u=t$((i % 2))-$i
  speak en "${words[i]} ${words[9 - i]}" "$test/wav/$u.wav" -r 16000
  echo "$u wav/$u.wav" >> "$test/wav.scp"
  echo "$u t$((i % 2))" >> "$test/utt2spk"
  echo "$u $([ $i -lt 3 ] && echo quiet || echo loud)" >> "$test/utt2mood"
  echo "$u ${words[i]} ${words[9 - i]}$([ $i = 4 ] && echo 'ßé')" >> "$test/text"
done
printf 't0-8 one one one\n' >> "$test/text" && echo "t0-8 t0" >> "$test/utt2spk" && echo "t0-8 wav/t0-0.wav" >> "$test/wav.scp"
parts=$corpus/test_parts
sox "$test/wav/t0-0.wav" "$test/wav/t1-1.wav" "$parts/both.wav"
echo "both both.wav" > "$parts/wav.scp"
length=$(soxi -D "$test/wav/t0-0.wav")
printf 'p-1 both 0 %s\np-2 both %s -1\np-3 both 90 91\np-4 both 0 1 1\n' "$length" "$length" > "$parts/segments"
printf 'p-1 one ten\np-2 two nine\np-3 nothing\np-4 nobody\n' > "$parts/text"

check "from data to report" bash -c '"$0" --data "$1" --cut true --epochs 1 --nj 2 > "$2" 2> "$3"' \
  "$run" "$corpus" "$tmp/out" "$tmp/err"
cat "$tmp/err" >> "$tmp/out"
out="$clone/egs/own-data/out/Bob's corpus"
said() { check "$1" grep -aEq -- "$2" "$tmp/out"; }
said "a byte order mark" 'mended: byte order mark in text'
said "carriage returns" 'mended: carriage returns in text'
said "an empty text" '1 of [0-9]+ utterances left out: its text is empty: s0-empty'
said "no such file" 'left out: there is no such audio file: s0-absent'
said "unreadable audio" 'left out: its audio cannot be read: s0-broken'
said "and why" 'WARNING .*again.wav|WARNING .*broken.wav.*it is text'
check "the log of which stays" grep -q 'broken.wav.*it is text' "$out"/data/train/log/audio_facts.*.log
said "a channel that is not there" 'names a channel that the recording has not: p-4'
said "silent audio" 'left out: its audio is silent: s0-silent'
said "too many letters" 'left out: more letters than encoder frames: s0-long'
said "a segment outside" 'left out: its segment lies outside the recording: p-3'
said "the same counts in the plan" '^    left out: 1: its audio is silent'
said "rates" '^  recorded at 8000 Hz \(.*16000 Hz \(.*22050 Hz \(.*44100 Hz'
said "the lowest common rate" '^  features at 8000 Hz: .* are resampled down'
said "channels" '^  [0-9]+ recordings have several channels'
said "a dev set is split off" 'data/dev: [0-9]+ of the [0-9]+ utterances of data/whole'
said "labels" '^    lang: en [0-9]+, xx [0-9]+'
said "units" '^Units: char: [0-9]+ letters'
said "models and time" '^  moe: [0-9,]+ parameters, .* about [0-9.]+ (s|min|h)'
said "letters that training has not" "data/test/text: 2 letters .* in 1 utterance: 'ß' U\+00DF"
said "texts on both sides" '^  note: 1 of the 7 texts of test stand in train too'
said "an utterance without a label" 'mended: utterances without a label in utt2mood \(1\)'
said "a table by any label" '^test by mood: words wrong'
check_equal "all good utterances are there" "$(cat "$out/data/train/utt2spk" "$out/data/dev/utt2spk" | wc -l)" 40
check_equal "no text in train and dev" \
  "$(cat "$out"/data/{train,dev}/text | cut -d ' ' -f 2- | sort -u | wc -l)" \
  "$(for s in train dev; do cut -d ' ' -f 2- "$out/data/$s/text" | sort -u; done | wc -l)"
check_equal "the letter counts as an error" "$(grep -ac 'fiveßé\|ßé' "$out/exp/moe/777/decode/test/-1/greedy.wer.per_utt")" 1
check "segments were decoded" grep -q '^p-2' "$out/exp/dense/777/decode/test_parts/-1/rescoring.text"
line=$(grep -a RECORDING "$tmp/out" | tail -n 1)
cp "$test/wav/t0-0.wav" "new one.wav"
check_equal "the last line decodes a recording" "$(eval "${line/RECORDING/\"new one.wav\" \"$corpus/wav/s2-02.ogg\"}" |
  cut -d ' ' -f 1 | tr '\n' ' ')" "new_one s2-02 "
cp "$test/wav/t0-0.wav" ./-new.wav
echo "no audio" > junk.wav
decode() { eval "${line/transcribe\' /transcribe\' --max-failures=$1 } $2"; } # <tolerance> <recordings as the shell has them>
line=${line%RECORDING}
check_fails "what is no recording is named, with the reason" 1 'utterance junk.wav: .*it is text' decode 0 junk.wav
check_equal "others are decoded all the same if one may fail" "$(decode 1 "junk.wav ./-new.wav" 2> /dev/null | cut -d ' ' -f 1)" "-new"
check_fails "and it is named" 0 'utterance junk.wav: .*it is text' decode 1 "junk.wav ./-new.wav"
check "a report again" "$run" --data "$corpus" --cut true --epochs 1 --stage 5
check "stage 3 finds its work done" bash -c '"$0" --data "$1" --cut true --epochs 1 --stage 3 --stop-stage 3 2>&1 |
  { ! grep -q "begins anew"; }' "$run" "$corpus"

# One data directory, one speaker, nothing else.
mkdir alone
awk '/^s0/ && !/absent|broken/' "$train/wav.scp" | sed "s: wav/: $train/wav/:; s: train/: $train/:; s:'wav/:'$train/wav/:" > alone/wav.scp
tr -d '\r' < "$train/text" | awk '/^s0/ && NF > 1' > alone/text
awk '{ print $1, "s0" }' alone/wav.scp > alone/utt2spk
check "one data directory of one speaker" bash -c '"$0" --data alone --cut true --stop-stage 1 --models dense > "$1" 2>&1' \
  "$run" "$tmp/out"
said "test is split off" 'data/test: [0-9]+ of the [0-9]+ .*no text on both sides, speakers on both'
said "dev is split off" 'data/dev: [0-9]+ of the [0-9]+ .*no text on both sides, speakers on both'

# A test utterance too short for the model: an error that names the way on, and with it an utterance without words.
mkdir -p few && cp -r alone few/train && mkdir few/test
sox "$train/wav/s0-00.wav" few/test/short.wav trim 0 0.05
printf 'a %s\nb short.wav\n' "$train/wav/s0-00.wav" > few/test/wav.scp
printf 'a one one one\nb ten\n' > few/test/text
few() { "$run" --data few --cut true --epochs 1 --models dense --min-seconds 0 --chunks -1 "$@"; }
check_fails "too short for the model: named" 1 'utterance b: ' few
check_fails "and how to go on" 1 'max-failures 1% \(or a count\) goes on' few --stage 4
check "with a tolerance it goes on" few --stage 4 --max-failures 1
check_equal "and it counts as an error" "$(sed -n 's/^b #csid //p' "$clone/egs/own-data/out/few/exp/dense/777/decode/test/-1/rescoring.wer.per_utt")" \
  "0 0 0 1"

# Word pieces of normalised texts.
if command -v spm_train > /dev/null && ! (
  printf 'A 0\n' > a.units && python3 "$root/tests/support/tiny_word_pieces.py" a.model A &&
    echo "u A" | text-to-tokens --bpe-model=a.model a.units ark:- ark:/dev/null 2>&1 | grep -q libsentencepiece-dev
); then
  mkdir -p pieces && cp -r alone pieces/train
  sed -i 's/one/ONE,/; s/ three / drei /' pieces/train/text
  echo 'drei three' > spellings.txt
  # With --split-seed 2 s0-long stays in train: dev is one utterance.
  check "word pieces, from data to report" bash -c '"$0" --data pieces --cut true --epochs 1 --models dense --chunks -1 --units bpe:40 \
    --split-seed 2 --normalize lowercase,no-punctuation,map --normalize-map spellings.txt > "$1" 2>&1 || { tail -n 5 "$1" >&2; exit 1; }' "$run" "$tmp/out"
  out="$clone/egs/own-data/out/pieces"
  said "the plan tells" '^Units: bpe:40: [0-9]+ letters of the training texts, joined to word pieces'
  check_equal "texts are normalised" "$(grep -acE 'ONE|,|drei' "$out"/data/*/text | cut -d: -f 2 | sort -u)" 0
  check_equal "units in WeNet's order" "$(sed -n '1,2p;$p' "$out/dump/units.txt" | cut -d ' ' -f 1 | xargs)" "<blank> <unk> <sos/eos>"
  check "too many of them are left out" grep -qh '^s0-long more units than encoder frames' "$out/dump/train/dropped"
  check_equal "and have no tokens" "$(cut -d ' ' -f 1 "$out/dump/train/tokens")" "$(cut -d ' ' -f 1 "$out/dump/train/utt2spk")"
  check "some are pieces" grep -qE '^▁[a-z]{2,} ' "$out/dump/units.txt"
  check_equal "the transcripts come back" "$(tokens-to-text "$out/dump/units.txt" "ark,t:$out/dump/train/tokens" ark,t:- 2> /dev/null | sed 's/ *$//')" \
    "$(sort "$out/dump/train/text")"
  check_equal "the model holds its pieces" "$(nnet-info --print=bpe-model "$out/exp/dense/777/final.safetensors" 2> /dev/null |
    cmp - "$out/dump/bpe.model" && echo same)" same
  said "the report names what was done" 'texts normalised by: lowercase,no-punctuation,map \([0-9a-f]{8}\)$'
  line=$(grep -a RECORDING "$tmp/out" | tail -n 1)
  check "the last line decodes a recording" eval "${line/RECORDING/\"new one.wav\"}"
  check_fails "too few pieces" 1 'so many letters that [0-9]+ pieces are the fewest, not 5' \
    bash -c '"$0" --data pieces --dir five --cut true --models dense --units bpe:5' "$run"
else
  skip "word pieces" "no spm_train (package sentencepiece), or built without SentencePiece"
fi

# Segments of one recording stand in all three sets: it counts once.
mkdir parts
sox -M -v 0.9 "$test/wav/t0-0.wav" "$test/wav/t0-0.wav" parts/one.wav
echo "one one.wav" > parts/wav.scp
for i in 0 1 2 3 4 5 6 7; do
  echo "u$i one 0 0.$((i + 2))" >> parts/segments
  echo "u$i ${words[i]:0:2}" >> parts/text
done
check "segments of one recording" bash -c '"$0" --data parts --cut true --stop-stage 1 --models dense > "$1" 2>&1' "$run" "$tmp/out"
said "seconds of utterances" '^  recorded at 16000 Hz \(4 s\)$'
said "one recording" '^  1 recordings have several channels'

# Nobody else's files are touched.
mkdir -p mine/data && cp -r alone mine/data/train
mine() { (cd mine && "$run" --models dense --stop-stage 1 --cut true "$@"); }
check_fails "results beside one's own data" 1 'mine/./data is there and is not of this recipe' mine --data . --dir .
check_fails "in that folder itself" 1 'mine/./data is there and is not of this recipe' mine --data data --dir .
check "both leave them alone" test -s mine/data/train/wav.scp
mkdir -p other && cp -r few other
for name in a,b JOBs; do
  check_fails "results in $name" 1 "/$name/x, has a comma or JOB in its path" "$run" --data few --cut true --dir "$name/x"
done
check_fails "another corpus of the same name" 1 'out/few was made from .*/here/few, not from .*/here/other/few' \
  "$run" --data other/few --cut true
# find_sets
sets() { (cd "$clone/egs/own-data" && local/find_sets.sh "$@" | cut -f 1,2 | tr '\t\n' ': '); }
check_equal "what to train on can be named" "$(sets --train test "$corpus")" "train:train test:test_parts "
mkdir -p both/data && cp -r alone both/train && cp -r alone both/data/train
check_equal "the nearer one" "$(cd "$clone/egs/own-data" && local/find_sets.sh "$tmp/here/both" | cut -f 3)" "$tmp/here/both/train"
check_fails "a test set twice" 1 "names 'test' twice" sets --tests "test test" "$corpus"
check_fails "one directory has no others" 1 'is itself a data directory.*--train alone' "$run" --data alone --dev dev
check_fails "two corpora" 2 'data is one folder.*combine_data' "$run" --data alone --data few
printf '%s\n' "$(sed -n 2p alone/wav.scp)" > single.scp && mkdir single && mv single.scp single/wav.scp && cp alone/text single
check_fails "one utterance" 1 'too few utterances' "$run" --data single --cut true
# Before anything is done, not after hours.
for wrong in "chunks:x" "chunks:-1 -1" "chunks:" "seeds:1 2 1" "models:moe moe" "learning-rate:0" "min-seconds:x" "models: "; do
  check_fails "--$wrong" 2 "^run.sh: error: --${wrong%%:*} " "$run" --data "$corpus" "--${wrong%%:*}" "${wrong#*:}"
done
for units in bpe bpe: bpe:0 bpe:x chars; do
  check_fails "--units $units" 2 "units is char for letters, or bpe:N .*not '$units'" "$run" --data "$corpus" --units "$units"
done
check_fails "an unknown step" 2 "normalize=small: unknown step 'small'" "$run" --data "$corpus" --normalize small
check_fails "a step without its file" 2 'step map needs a file' "$run" --data "$corpus" --normalize lowercase,map
check_fails "a map that is not there" 2 'here/no.map' "$run" --data "$corpus" --normalize map --normalize-map no.map
check_fails "a size" 2 "size is tiny, small or base, not 'big'" "$run" --data "$corpus" --size big
check_fails "a model" 2 'no conf/small/mine.conf' "$run" --data "$corpus" --models mine
check_fails "no data" 2 'is needed' "$run"
check_fails "no such folder" 2 "no folder .*/nothing'" "$run" --data nothing
check_fails "a folder without data" 1 'nor .*train/wav.scp' "$run" --data "$tmp/here/sounds"
check_fails "a test set that is not there" 1 'no .*/test_x/wav.scp' "$run" --data "$corpus" --tests test_x
check_fails "tolerance" 2 "count or a share like 5%, not 'few'" "$run" --data "$corpus" --max-failures few
