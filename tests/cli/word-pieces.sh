#!/usr/bin/env bash
# Word pieces: the ids of WeNet and of PyPI's sentencepiece, the way back, and a model file that holds what it needs.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1
if ! command -v python3 >/dev/null; then
  skip "word pieces" "no python3"
  exit
fi
trim() { sed 's/ *$//' "$@"; }

printf '%s\n' '<blank> 0' '<unk> 1' '▁ 2' 'A 3' 'B 4' 'C 5' '▁A 6' '▁CAB 7' '中 8' '{NOISE} 9' '<sos/eos> 10' >units.txt
python3 "$root/tests/support/tiny_word_pieces.py" bpe.model ▁ A B C D ▁A ▁CAB
printf '%s\n' 'u1 CAB A' 'u2' 'u3 a中b {noise}' >text
echo '{NOISE}' >symbols
printf 'u1 7 6\nu2\nu3 6 8 2 4 9\n' >ids
# Without the library, the way back is there all the same.
check_equal "the way back" "$(tokens-to-text units.txt ark:ids ark,t:- 2>/dev/null | trim)" $'u1 CAB A\nu2\nu3 A中 B{NOISE}'
check_equal "the way back, with the model" "$(tokens-to-text --bpe-model=bpe.model units.txt ark:ids ark,t:- 2>/dev/null | head -n 1)" "u1 CAB A "
printf 'u1 3 4 2 4\n' >letters
check_fails "no unit of the space" 2 'word pieces begin words with U\+2581' tokens-to-text '--space-unit=|' units.txt ark:letters ark,t:-

# The model file.
printf '%s\n' feature-dim=20 model-dim=16 num-blocks=1 num-heads=2 hidden-dim=16 decoder-blocks=1 reverse-decoder-blocks=1 >dense.conf
nnet-init --units=units.txt dense.conf letters.safetensors 2>/dev/null
check "a model file with word pieces" nnet-init --units=units.txt --bpe-model=bpe.model dense.conf model.safetensors
for tool in copy average; do check "nnet-$tool keeps them" "nnet-$tool" model.safetensors "$tool.safetensors"; done
check "nnet-quantize keeps them" nnet-quantize --weights=int8 model.safetensors quantize.safetensors
for tool in model copy average quantize; do
  check_equal "$tool: they can be saved again" "$(nnet-info --print=bpe-model $tool.safetensors 2>/dev/null | cmp - bpe.model && echo same)" same
done
check_equal "nnet-info tells" "$(nnet-info model.safetensors 2>/dev/null | grep 'word pieces')" \
  "# word pieces: SentencePiece (unigram, identity), 10 pieces, case auto, $(wc -c <bpe.model) bytes"
info() { nnet-info --json=true "$1" 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["tokenizer"])'; }
check_equal "nnet-info --json tells" "$(info model.safetensors)" \
  "{'type': 'bpe', 'case': 'auto', 'algorithm': 'unigram', 'normalizer': 'identity', 'pieces': 10, 'bytes': $(wc -c <bpe.model)}"
check_equal "a model of letters has none" "$(info letters.safetensors)" None
check_fails "nor can they be printed" 1 'letters.safetensors holds no bpe-model' nnet-info --print=bpe-model letters.safetensors
check_equal "it has as many parameters" "$(nnet-info model.safetensors 2>/dev/null | grep '^total')" "$(nnet-info letters.safetensors 2>/dev/null | grep '^total')"
version() { head -c 100000 "$1" | grep -aoE '"version":"[0-9]"' | head -n 1; }
check_equal "its version is 5" "$(version model.safetensors)" '"version":"5"'
check_equal "that of letters 4, which older programs read" "$(version letters.safetensors)" '"version":"4"'
check_fails "models of other pieces have no mean" 1 'has other word pieces than' nnet-average model.safetensors letters.safetensors x.safetensors
check_equal "units and pieces out of the model" "$(tokens-to-text copy.safetensors ark:ids ark,t:- 2>/dev/null | head -n 1)" "u1 CAB A "

# What does not fit.
python3 "$root/tests/support/tiny_word_pieces.py" other.model X Y Z
python3 "$root/tests/support/tiny_word_pieces.py" fewer.model ▁ A B C ▁A
for way in "text-to-tokens %s units.txt ark:text ark:x" "nnet-init --units=units.txt %s dense.conf x.safetensors"; do
  run() { bash -c "${way/\%s/--bpe-model=$1}"; } # <model>
  check_fails "${way%% *}: no piece in common" 1 'other.model: none of its 6 pieces is a unit of units.txt; give the model' run other.model
  check_fails "${way%% *}: a piece missing" 1 "fewer.model: the unit '▁CAB' of units.txt is none of its pieces" run fewer.model
  check_fails "${way%% *}: no model" 1 'units.txt: is no SentencePiece model' run units.txt
  check_fails "${way%% *}: cut off" 1 'cut.model: is no SentencePiece model, or is damaged' bash -c "head -c 40 bpe.model >cut.model; ${way/\%s/--bpe-model=cut.model}"
  check_fails "${way%% *}: empty" 1 'empty.model: .*give the .model file' bash -c ": >empty.model; ${way/\%s/--bpe-model=empty.model}"
  check_fails "${way%% *}: not there" 1 'absent.model' run absent.model
done
check_fails "units are needed" 2 'needs --units' nnet-init --vocab-size=11 --bpe-model=bpe.model dense.conf x.safetensors
check "nothing is left" test ! -e x -a ! -e x.safetensors

# Trained from a text.
if ! command -v spm_train >/dev/null; then
  skip "make_word_pieces.py" "no spm_train (package sentencepiece)"
else
  make_pieces() { "$root/utils/make_word_pieces.py" "$@"; }
  for ((i = 0; i < 60; ++i)); do echo "u$i the cat sat on the mat 中$((i % 3)) there and then"; done >train
  mkdir one two
  check_fails "make_word_pieces.py: fewer than wanted" 0 'gives [0-9]+ pieces, not 200' make_pieces --pieces 200 train one
  check "again" make_pieces --pieces 200 train two
  check "the same files" diff -r one two
  check_equal "units in WeNet's order, by code point" "$(cut -d' ' -f1 one/units.txt | sed '1,2d;$d' | LC_ALL=C sort -c && sed -n '1,2p;$p' one/units.txt | cut -d' ' -f1 | xargs)" \
    "<blank> <unk> <sos/eos>"
  check_equal "Chinese characters are units" "$(grep -c '^中 ' one/units.txt)" 1
  check "the model fits" nnet-init --units=one/units.txt --bpe-model=one/bpe.model dense.conf trained.safetensors
  check_fails "too few" 1 'so many letters that [0-9]+ pieces are the fewest, not 3: --pieces' make_pieces --pieces 3 train two
  printf 'u1 中文\n' >chinese
  check_fails "Chinese characters only" 1 'chinese holds Chinese characters only.*make_units.py' make_pieces chinese two
  printf 'u1 \n' >nothing
  check_fails "no text" 1 'nothing holds no text' make_pieces nothing two
  check_fails "no file" 1 'make_word_pieces.py: error: none: No such file' make_pieces none two
  check_fails "no folder" 1 'three/bpe.model: could not write it' make_pieces train three
  check_fails "over its text" 2 'two/units.txt. is read and written' make_pieces two/units.txt two
  check "what was there stays" diff -r one two
  check_fails "no spm_train" 1 'apt-get install sentencepiece' env PATH=/nothing "$(python3 -c 'import sys; print(sys.executable)')" "$root/utils/make_word_pieces.py" train two
fi

if text-to-tokens --bpe-model=bpe.model units.txt ark:text ark:/dev/null 2>&1 | grep -q libsentencepiece-dev; then
  check_fails "word pieces need the library" 2 'install the package libsentencepiece-dev' text-to-tokens --bpe-model=bpe.model units.txt ark:text ark:x
  skip "encoding" "built without SentencePiece"
  exit
fi
encode() { text-to-tokens '--unk=<unk>' "$@" ark,t:- 2>/dev/null | trim; }
check_equal "ids" "$(encode --bpe-model=bpe.model --non-lang-syms=symbols units.txt ark:text)" $'u1 7 6\nu2\nu3 6 8 2 4 9'
check_equal "by the model file" "$(encode --non-lang-syms=symbols model.safetensors ark:text)" $'u1 7 6\nu2\nu3 6 8 2 4 9'
check_equal "the case is kept" "$(encode --bpe-case=keep model.safetensors ark:text | tail -n 1)" "u3 2 1 8 2 1 2 1"
check_fails "an unknown case" 2 'bpe-case=lower: expected auto, upper or keep' text-to-tokens --bpe-case=lower model.safetensors ark:text ark:x
echo 'u1 CDC' >unknown
check_fails "a piece without a unit" 1 "utterance u1: .*the piece 'D' \(U\+0044 LATIN CAPITAL LETTER D\) is not in the unit table" \
  text-to-tokens model.safetensors ark:unknown ark:x
check_fails "is told where it is <unk>" 0 "'D' \(U\+0044 .*became <unk>: 1 time" text-to-tokens '--unk=<unk>' model.safetensors ark:unknown ark:x
printf 'u1 A\377\n' >latin1
check_fails "not UTF-8" 1 "utterance u1: .*not UTF-8" text-to-tokens model.safetensors ark:latin1 ark:y

if [ -e one/units.txt ]; then
  check_equal "there and back by what was trained" "$(text-to-tokens trained.safetensors ark:train ark:- 2>/dev/null |
    tokens-to-text trained.safetensors ark:- ark,t:- 2>/dev/null | sed 's/ *$//' | diff - <(sed 's/ 中/中 /' train) | head -n 3)" ""
fi

real=${shared:+$shared/data/wenet-bpe}
if [ ! -e "$real/words.txt" ]; then
  skip "a real model" "no ../shared/data/wenet-bpe"
elif ! why=$(python3 "$root/tests/cli/word_pieces.py" probe 2>&1); then
  skip "a real model" "python3 with sentencepiece is needed: $(tail -n 1 <<<"$why")"
else
  for seed in ${INTEROP_SEEDS:-1}; do
    mkdir -p peer
    python3 "$root/tests/cli/word_pieces.py" make "$real/unigram5000.bpemodel" "$real/words.txt" peer "$seed"
    text-to-tokens '--unk=<unk>' --bpe-model="$real/unigram5000.bpemodel" "$real/words.txt" ark:peer/text ark,t:peer/ours 2>/dev/null
    check_equal "seed $seed: the ids of $(wc -l <peer/ids) texts" "$(trim peer/ours | diff - peer/ids | head -n 5)" ""
    join <(cut -d' ' -f1 peer/back) <(trim peer/ours) >peer/covered
    check_equal "seed $seed: the way back of $(wc -l <peer/back) of them" \
      "$(tokens-to-text "$real/words.txt" ark:peer/covered ark,t:- 2>/dev/null | trim | diff - peer/back | head -n 5)" ""
  done
fi
