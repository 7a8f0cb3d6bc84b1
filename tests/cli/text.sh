#!/usr/bin/env bash
# One definition of white space and of what is invisible in all tools, C++ and Python: make_units.py, text-to-tokens,
# tokens-to-text, compute-wer.
. "$(dirname "$0")/../support/cli.sh"
utils=$root/utils
make_units() { python3 "$utils/make_units.py" "$@"; }
if ! command -v python3 >/dev/null; then skip "text" "no python3"; exit 0; fi
trim() { sed 's/ *$//' "$@"; }

# Units made from a text cover it, whatever the text: every white space, control characters, decomposed letters, emoji,
# right to left, other planes. There and back gives the words.
cat >"$tmp/draw.py" <<'END'
import random, sys
sys.path.insert(0, sys.argv[1])
from u2moe_text import WHITE_SPACE, split_words
rng = random.Random(int(sys.argv[2]))
pools = ['abcdeXYZ', 'e\u0301o\u0308\u1112\u1161\u11ab', WHITE_SPACE.replace('\n', ''), 'שלום\u200f\u202eعربي\u200c', '😀👩\u200d🚀\ufe0f',
         '中文ｶﾞＡ', '\x01\x1c\x1d\x1e\x1f\x7f\x80\ufeff\u200b\u00ad', '\U0001d400\U00020000\U000e0041\uffff\ue000', 'नमस्ते']
def char():
    if rng.random() < 0.1:
        c = chr(rng.randrange(1, 0x110000))
        return c if c != '\n' and not '\ud800' <= c <= '\udfff' and c != '\u2581' else 'x'
    return rng.choice(rng.choice(pools))
with open(sys.argv[3], 'wb') as text, open(sys.argv[4], 'wb') as words:
    if rng.random() < 0.5: text.write(b'\xef\xbb\xbf')
    end = rng.choice([b'\n', b'\r\n'])
    for n in range(60):
        value = ''.join(char() for _ in range(rng.randrange(40))) if n else ' a'
        text.write(f'u{n:02d} {value}'.encode() + end)
        words.write((f'u{n:02d} ' + ' '.join(split_words(value))).rstrip(' ').encode() + b'\n')
END
covers() { # SEED
  python3 "$tmp/draw.py" "$utils" "$1" "$tmp/drawn" "$tmp/words" &&
    make_units "$tmp/drawn" >"$tmp/drawn-units" &&
    text-to-tokens "$tmp/drawn-units" "ark:tail -c +$(($(head -c 3 "$tmp/drawn" | grep -c $'\xef\xbb\xbf') * 3 + 1)) $tmp/drawn |" "ark:$tmp/drawn-ids" &&
    tokens-to-text "$tmp/drawn-units" "ark:$tmp/drawn-ids" "ark,t:$tmp/drawn-back" &&
    trim "$tmp/drawn-back" | cmp - "$tmp/words"
}
for seed in 1 2 3 4 5 6 7 8; do check "units cover their text, draw $seed" covers $seed; done

# Each of the 25 white spaces separates words in every tool; what Python alone takes for white space does not.
python3 - "$tmp/spaces" <<'END'
import sys
with open(sys.argv[1], 'wb') as f:
    for c in map(int, '9 11 12 13 32 133 160 5760 8192 8193 8194 8195 8196 8197 8198 8199 8200 8201 8202 8232 8233 8239 8287 12288'.split()):
        f.write(f'u{c:05d} a{chr(c)}b\n'.encode())
END
check_equal "24 white spaces and the end of a line" "$(make_units "$tmp/spaces" 2>/dev/null | tr '\n' ' ')" \
  '<blank> 0 <unk> 1 <sos/eos> 2 a 3 b 4 ▁ 5 '
make_units "$tmp/spaces" >"$tmp/units" 2>/dev/null
check_equal "text-to-tokens knows them" "$(text-to-tokens "$tmp/units" "ark:$tmp/spaces" ark,t:- 2>/dev/null | cut -d' ' -f2- | sort -u)" '3 5 4 '
sed 's/ .*/ a b/' "$tmp/spaces" >"$tmp/plain"
check_equal "compute-wer knows them" "$(compute-wer "ark:$tmp/plain" "ark:$tmp/spaces" 2>/dev/null | head -n 1)" \
  '%WER 0.00 [ 0 / 48, 0 ins, 0 del, 0 sub ]'
printf 'u a\x1cb\n' >"$tmp/separator"
check_equal "U+001C is no white space" "$(make_units "$tmp/separator" 2>/dev/null | sed -n 4p)" $'\x1c 3'

# What nobody sees is named: code point, name, how often, where first.
printf 'u1 plain\nu2 a\xe2\x80\x8bb \xe2\x80\x8b\nu3 a\xc2\xa0b\xc2\xadc \xe2\x81\xa0\nu4 \xe2\x80\xaex \xd9\x85\xe2\x80\x8c\xd9\x86\n' >"$tmp/hidden"
make_units "$tmp/hidden" >"$tmp/units" 2>"$tmp/said-make"
text-to-tokens "$tmp/units" "ark:$tmp/hidden" ark:/dev/null 2>"$tmp/said-tokens"
compute-wer "ark:$tmp/hidden" "ark:$tmp/hidden" >/dev/null 2>"$tmp/said-wer"
for tool in make tokens wer; do
  check_equal "invisible characters are named by $tool" "$(grep -o 'U+[0-9A-F]* [A-Z -]* is invisible.*remove it: .*' "$tmp/said-$tool" | sort -u)" \
    'U+00AD SOFT HYPHEN is invisible, so that words which look the same differ; remove it: 1 time, in utterance u3
U+200B ZERO WIDTH SPACE is invisible, so that words which look the same differ; remove it: 2 times, first in utterance u2
U+202E RIGHT-TO-LEFT OVERRIDE is invisible, so that words which look the same differ; remove it: 1 time, in utterance u4
U+2060 WORD JOINER is invisible, so that words which look the same differ; remove it: 1 time, in utterance u3'
  check "white space is named by $tool" grep -q 'U+00A0 NO-BREAK SPACE separates words' "$tmp/said-$tool"
  check_equal "the joiners of Persian are not, by $tool" "$(grep -c U+200C "$tmp/said-$tool")" 0
done
printf 'u1\xc2\xa0a b\n' >"$tmp/glued"
check_fails "white space in a key" 0 "U\+00A0 NO-BREAK SPACE in the key, .* utterance u1\\\\u\{A0\}a" make_units "$tmp/glued"
check_fails "the same in compute-wer" 0 "U\+00A0 NO-BREAK SPACE in the key, .* utterance u1\\\\u\{A0\}a" \
  compute-wer "ark:$tmp/glued" "ark:$tmp/glued"
printf 'u1\xe2\x80\x8b spk\n' >"$tmp/utt2spk"
check_fails "refused in a table" 1 "utt2spk:1: key 'u1\\\\u\{200B\}' holds U\+200B ZERO WIDTH SPACE" \
  compute-wer --bootstrap --utt2spk="$tmp/utt2spk" "ark:$tmp/plain" "ark:$tmp/plain"

# Composition
printf 'u1 caf\xc3\xa9 e\n' >"$tmp/nfc"
printf 'u1 cafe\xcc\x81 e\n' >"$tmp/nfd"
make_units "$tmp/nfc" >"$tmp/units" 2>/dev/null
check_fails "a text that is not composed as the units are" 1 'U\+0301 COMBINING ACUTE ACCENT\).*composed form: write the text in NFC' \
  text-to-tokens "$tmp/units" "ark:$tmp/nfd" ark:/dev/null
check_fails "with --unk it is told" 0 'transcripts whose letters the units have in another composition .*utterance u1' \
  text-to-tokens "--unk=<unk>" "$tmp/units" "ark:$tmp/nfd" ark:/dev/null
check_fails "unknown letters are named with --unk" 0 "'x' \(U\+0078 LATIN SMALL LETTER X\) is not in the unit table and became <unk>: 2 times, first in utterance u7" \
  text-to-tokens "--unk=<unk>" "$tmp/units" "ark:printf 'u6 e\nu7 ex\nu8 x\n' |" ark:/dev/null
check_fails "make_units names a text that is not NFC" 0 'transcripts not in NFC .* utterance u1' make_units "$tmp/nfd"
check_fails "compute-wer names errors of composition" 0 '1 errors are of composition only.*utterance u1; --normalize=nfc' \
  compute-wer "ark:$tmp/nfc" "ark:$tmp/nfd"
check_equal "composed they are none" "$(compute-wer --normalize=nfc "ark:$tmp/nfc" "ark:$tmp/nfd" 2>/dev/null | head -n 1)" \
  '%WER 0.00 [ 0 / 2, 0 ins, 0 del, 0 sub ]'

# The word mark in a text
printf 'u1 \xe2\x96\x81HE \xe2\x96\x81HO\n' >"$tmp/marked"
check_fails "make_units: the word mark in a text" 0 'U\+2581 is within a word' make_units "$tmp/marked"
make_units "$tmp/marked" >"$tmp/units" 2>/dev/null
check_equal "it is a unit once" "$(tr '\n' ' ' <"$tmp/units")" '<blank> 0 <unk> 1 <sos/eos> 2 E 3 H 4 O 5 ▁ 6 '
check_fails "text-to-tokens says so too" 0 '▁ is within a word, though it is the unit for the space' \
  text-to-tokens "$tmp/units" "ark:$tmp/marked" ark:/dev/null

# Word pieces
printf '%s\n' '<blank> 0' '<unk> 1' '▁THE 2' 'S 3' '<sos/eos> 4' >"$tmp/pieces"
printf 'u1 THE\n' >"$tmp/the"
printf 'u1 2 3\n' >"$tmp/the-ids"
check_fails "text-to-tokens refuses word pieces without their model" 1 "pieces: unit '▁THE' \(id 2\) is a word piece.*give the SentencePiece model" \
  text-to-tokens "$tmp/pieces" "ark:$tmp/the" "ark:$tmp/never"
printf '%s\n' '<blank> 0' '<unk> 1' 'THE 2' 'S 3' '<sos/eos> 4' >"$tmp/words"
check_fails "tokens-to-text too, where nothing marks how they join" 1 "words: unit 'THE' \(id 2\) is a word piece" \
  tokens-to-text "$tmp/words" "ark:$tmp/the-ids" "ark,t:$tmp/never"
check_equal "else it joins them" "$(tokens-to-text "$tmp/pieces" "ark:$tmp/the-ids" ark,t:- 2>/dev/null)" "u1 THES "
check "and write nothing" test ! -e "$tmp/never"

# make_units.py: what it reads and how it ends
printf '\xef\xbb\xbfu1 b\r\n\nu2\r\nu3  \xe3\x80\x80\r\nu4 a' >"$tmp/odd"
check_equal "byte order mark, CRLF, empty lines and transcripts" "$(make_units "$tmp/odd" 2>/dev/null | tr '\n' ' ')" \
  '<blank> 0 <unk> 1 <sos/eos> 2 a 3 b 4 ▁ 5 '
printf 'u1 \xe3\x80\x80 \xc2\xa0\nu2\n' >"$tmp/white"
check_fails "a text of white space" 1 'error: .*white holds no text' make_units "$tmp/white"
check_fails "no file" 1 'make_units.py: error: .*absent: No such file' make_units "$tmp/absent"
check_fails "a folder" 1 'error: .*: Is a directory' make_units "$tmp"
printf 'u1 a\nu2 b\xff\n' >"$tmp/latin1"
check_fails "not UTF-8" 1 'error: .*latin1:2: not UTF-8 at byte 5' make_units "$tmp/latin1"
printf 'u1 a\nu2 b\0c\n' >"$tmp/zero"
check_fails "a zero byte" 1 'zero:2: a zero byte' make_units "$tmp/zero"
check_fails "no argument" 2 'error: .*Try --help' make_units
check_fails "two arguments" 2 'error: .*Try --help' make_units a b
check_fails "an unknown option" 2 'error: .*--sort' make_units --sort
full() { make_units "$tmp/plain" >/dev/full; }
check_fails "a full disk" 1 'error: could not write to standard output: No space left' full
closed() { make_units "$tmp/plain" >&-; }
check_fails "a closed output" 1 'error: could not write to standard output: Bad file' closed
python3 -c 'print("u1", *map(chr, range(0x4e00, 0x9000)))' >"$tmp/many"
stopped() { make_units "$tmp/many" 2>"$tmp/said" | head -n 1 >/dev/null; [ "${PIPESTATUS[0]}" -le 1 ] && [ ! -s "$tmp/said" ]; }
check "a reader that stops early is no news" stopped
check "no trace anywhere" bash -c '! grep -l Traceback "$0"/.check.err "$0"/said*' "$tmp"
check_equal "in the POSIX locale" "$(LC_ALL=POSIX python3 "$utils/make_units.py" "$tmp/nfc" 2>/dev/null | sed -n 8p)" 'é 7'
check "make_units --help" make_units --help
