#!/usr/bin/env bash
# egs/debian on generated packages: the fetching with an apt-get of our own, the texts, and from packages to a report.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
for c in python3 espeak-ng sox parallel gzip; do
  if ! command -v $c > /dev/null; then
    skip debian "no $c"
    exit 0
  fi
done
export PYTHONDONTWRITEBYTECODE=1
clone=$(make_clone)
recipe="$clone/egs/debian"
tree="$tmp/the packages"
asterisk=$tree/usr/share/asterisk/sounds/en_US_f_Allison
doc=$tree/usr/share/doc/asterisk-core-sounds-en
game=$tree/usr/share/games/fillets-ng
stamps=$tree/usr/share/tuxpaint/stamps/animals
voice=$tree/usr/share/festival/voices/russian/msu_ru_nsh_clunits
mkdir -p "$asterisk/digits" "$doc" "$game"/{script/cave,sound/cave/cs} "$stamps" "$voice"/{wav,etc}
cd "$tmp" || exit 1

# Prompts: comments, a byte order mark, stage directions, digits, tones.
{
  printf '\xef\xbb\xbf; Core Sounds\r\n\r\n'
  for w in one two three four five six seven eight nine ten; do
    echo "digits/$w: $w [softly]."
    echo "say-$w: Please say \"$w\" again, don't wait."
    speak en "$w and $w" "$asterisk/digits/$w.wav" -r 8000 >&2
    speak en "Please say $w again" "$asterisk/say-$w.wav" -r 8000 >&2
  done
  printf 'beep: [this is a tone]\nnumbers: press 5 now\nprice: five $ each\nlost: no recording\n'
  echo "wordy: $(printf 'extraordinarily %.0s' {1..40})"
} | gzip > "$doc/core-sounds-en.txt.gz"
cp "$asterisk/digits/one.wav" "$asterisk/wordy.wav"
cp "$asterisk/digits/one.wav" "$asterisk/numbers.wav"
cp "$asterisk/digits/one.wav" "$asterisk/price.wav"
# Dialogues of two roles; one text twice; an escaped quotation mark.
n=0
for w in jedna dvě tři čtyři pět šest sedm osm devět deset; do
  for font in font_small font_big; do
    n=$((n + 1))
    printf 'dialogId("k-%s", "%s", "English \\"words\\"")\ndialogStr("Ryba „%s“ \\"plave\\", prosím.")\n\n\n' "$n" "$font" "$w"
    speak cs "Ryba $w plave, prosím." "$game/sound/cave/cs/k-$n.ogg" -r 22050 >&2
  done
done > "$game/script/cave/dialogs_cs.lua"
# Descriptions in one language among many.
for w in chat chien cheval oiseau souris vache mouton lapin; do
  # shellcheck disable=SC1112  # an apostrophe as texts have it
  printf 'A %s.\nda.utf8=En %s.\nfr.utf8=Un %s et l’ami.\n' $w $w $w > "$stamps/$w.txt"
  speak fr "Un $w et l'ami" "$stamps/${w}_desc_fr.ogg" -r 44100 -c 2
done
# Sentences with stress marks.
for w in дом кот лес сад год мир; do
  printf '( ru_%s "Вот %s, и б+ольше н+ичего." )\n' $w $w
  speak ru "Вот $w, и больше ничего" "$voice/wav/ru_$w.wav" -r 16000 >&2
done > "$voice/etc/txt.done.data"

check "from packages to report" bash -c '"$0" --packages "$1" --langs "en cs fr ru" --cut true --epochs 1 --dir "$2" > "$3" 2>&1' \
  "$recipe/run.sh" "$tree" "$tmp/result here" "$tmp/out"
all="$tmp/result here/corpus/all"
said() { check "$1" grep -aEq -- "$2" "$tmp/out"; }
check_equal "the words of prompts" "$(grep 'say-ten\|digits_ten' "$all/text")" \
  "ast-allison-en-digits_ten ten
ast-allison-en-say-ten please say ten again don't wait"
check_equal "of dialogues" "$(grep 'k-2$\|k-2 ' "$all/text")" "fil-cs-big-cs-cave_k-2 ryba jedna plave prosím"
check_equal "of stamps" "$(grep chat "$all/text")" "tux-fr-fr-animals_chat un chat et l'ami"
check_equal "without stress marks" "$(grep ru_дом "$all/text" | cut -d ' ' -f 2-)" "вот дом и больше ничего"
check_equal "the report names what was done" "$(grep -acE 'texts normalised by: lowercase,no-punctuation \([0-9a-f]{8}\)$' "$tmp/out")" 1
check_equal "speakers" "$(cut -d ' ' -f 2 "$all/utt2spk" | sort | uniq -c | awk '{ printf "%s %s, ", $2, $1 }')" \
  "ast-allison 20, fil-cs-big 10, fil-cs-small 10, nsh 6, tux-fr 8, "
check_equal "languages" "$(cut -d ' ' -f 2 "$all/utt2lang" | sort | uniq -c | awk '{ printf "%s %s, ", $2, $1 }')" \
  "cs 20, en 20, fr 8, ru 6, "
check_equal "what is left out" "$(cut -d ' ' -f 2- "$all/dropped" | sort | uniq -c | awk '{ $1 = $1; print }')" \
  "1 digits, whose reading is not written
1 more than 25 letters a second
1 no recording
1 nothing is said
1 signs, whose reading is not written"
check_equal "no text on two sides" "$(cat "$tmp/result here"/data/{train,dev,test}/text | cut -d ' ' -f 2- | sort -u | wc -l)" \
  "$(for s in train dev test; do cut -d ' ' -f 2- "$tmp/result here/data/$s/text" | sort -u; done | wc -l)"
said "a table by language" '^test by lang: words wrong'
said "the counts" '^en +20 '
line=$(grep -a RECORDING "$tmp/out" | tail -n 1)
check_equal "the last line decodes a recording" "$(eval "${line/RECORDING/\"$stamps/chat_desc_fr.ogg\"}" | cut -d ' ' -f 1)" chat_desc_fr

rm "$tmp/result here/dump/units.txt"
check_fails "what stopped is said in this recipe's stages" 1 'stage 5 failed .*go on with: .*debian/run.sh --stage 5 ' \
  "$recipe/run.sh" --packages "$tree" --langs "en cs fr ru" --cut true --epochs 1 --dir "$tmp/result here" --stage 5
for wrong in "size big" "chunks x" "epochs 0" "units bpe" "units bpe:0" "normalize small" "max-failures few" "models mine"; do # before anything is fetched
  check_fails "--$wrong" 2 "^run.sh: error: --${wrong% *}.*debian/run.sh --help" "$recipe/run.sh" "--${wrong% *}" "${wrong#* }"
done
mkdir -p mine/corpus && touch mine/corpus/speech
check_fails "somebody's folder" 1 "mine/corpus is there and is not of this recipe" "$recipe/run.sh" --packages "$tree" --dir mine
check "which stays" test -e mine/corpus/speech

# Fetching. An apt-get of our own makes small packages.
mkdir -p bin made
cat > bin/apt-get << 'EOF2'
#!/usr/bin/env bash
echo "W: some warning" >&2
[ "$1" = download ] && [ "$2" != festvox-ru ] || { echo "E: Unable to locate package $2" >&2; exit 100; }
mkdir -p pack/DEBIAN pack/usr/share/x
echo "$2" > "pack/usr/share/x/$2"
printf 'Package: %s\nVersion: 9.9-1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' "$2" > pack/DEBIAN/control
dpkg-deb -b pack "$2_9.9-1_all.deb" > /dev/null && rm -r pack
EOF2
chmod +x bin/apt-get
fetch() { (cd "$recipe" && PATH="$tmp/bin:$PATH" local/fetch.sh "$@"); }
if command -v dpkg-deb > /dev/null; then
  check "two packages of a language" fetch --langs it "$tmp/made/it"
  check_equal "unpacked" "$(ls "$tmp/made/it/usr/share/x" | tr '\n' ' ')" "asterisk-core-sounds-it asterisk-core-sounds-it-wav "
  check_equal "and noted" "$(cat "$tmp/made/it/packages.txt")" "asterisk-core-sounds-it 9.9-1
asterisk-core-sounds-it-wav 9.9-1"
  check "no more for another language than it needs" fetch --langs "it en" "$tmp/made/it"
  check_equal "four now" "$(wc -l < "$tmp/made/it/packages.txt")" 4
  check_fails "what apt-get says" 1 'download festvox-ru failed: E: Unable to locate package festvox-ru' fetch --langs ru "$tmp/made/ru"
  check "versions are compared" bash -c '"$0" --versions "$1" --expect "$2" 2>&1 > /dev/null |
    grep -q "written for asterisk-core-sounds-it 1.6.1-1"' "$recipe/local/check.py" "$tmp/made/it/packages.txt" "$all"
  check "and counts" bash -c '"$0" --expect "$1" 2>&1 > /dev/null | grep -q "warning: en: 20 utterances, where .* 485"' \
    "$recipe/local/check.py" "$all"
else
  skip "fetching packages" "no dpkg-deb"
fi
# No Debian: what to fetch, and how to give it.
mkdir nothing
for c in bash env cat cut tr awk wc mkdir touch dirname basename date pwd rm grep; do ln -s "$(command -v $c)" nothing/; done
check_fails "another system" 1 'no Debian system.*--packages FOLDER.*festvox-ru' \
  bash -c 'cd "$0" && PATH=$1 local/fetch.sh --langs ru "$2"' "$recipe" "$tmp/nothing" "$tmp/made/none"
check_fails "a language" 2 "'xx' is none of be bg" "$recipe/run.sh" --langs "ru xx"
check_fails "no packages there" 2 "no folder .*/bin/usr'" "$recipe/run.sh" --packages "$tmp/bin"
check_fails "none of the languages" 1 'holds no speech in it' "$recipe/run.sh" --packages "$tree" --langs it --dir "$tmp/r2"
