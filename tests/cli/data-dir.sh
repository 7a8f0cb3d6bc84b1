#!/usr/bin/env bash
# validate_data_dir.sh and fix_data_dir.sh: what is right, and each thing that can be wrong.
. "$(dirname "$0")/../support/cli.sh"
utils=$root/utils
cd "$tmp" || exit 1
: > a.wav

make_dir() { # <dir> <utterances>: of two speakers
  mkdir -p "$1"
  { seq -f 'ann-%02g ann' "$(($2 / 2))" && seq -f 'bob-%02g bob' "$(($2 - $2 / 2))"; } > "$1/utt2spk"
  awk '{ print $1, "a.wav" }' "$1/utt2spk" > "$1/wav.scp"
  awk '{ print $1, "the words" }' "$1/utt2spk" > "$1/text"
  "$utils/utt2spk_to_spk2utt.pl" "$1/utt2spk" > "$1/spk2utt"
}
make_segments() { # <dir>: recordings of four utterances
  awk '{ r = $2 "-rec" int((NR - 1) % 6 / 4); print $1, r, (NR % 4) * 2, (NR % 4) * 2 + 1.5 }' "$1/utt2spk" > "$1/segments"
  cut -d ' ' -f 2 "$1/segments" | sort -u | awk '{ print $1, "a.wav" }' > "$1/wav.scp"
  awk '{ print $1, $1, "A" }' "$1/wav.scp" > "$1/reco2file_and_channel"
  awk '{ print $1, 9 }' "$1/wav.scp" > "$1/reco2dur"
}
validate() { "$utils/validate_data_dir.sh" --no-feats "$@"; }
fix() { "$utils/fix_data_dir.sh" "$@"; }

make_dir good 12
make_dir cut 12
make_segments cut
check "a good directory" validate good
check "with segments" validate cut
check_equal "spk2utt" "$(cut -d ' ' -f 1-3 good/spk2utt)" $'ann ann-01 ann-02\nbob bob-01 bob-02'
sed 's/ann-03 .*/ann-03/' good/text > t && cp -r good empty && mv t empty/text
check "an empty transcript is legal" validate empty
cp .check.err warnings
check "and named" grep -q 'warning: empty/text:3: an empty transcript' warnings
check "bash, sh and perl run it too" bash -c 'bash "$0" --no-feats good && sh "$0" --no-feats good && perl "$0" --no-feats good' \
  "$utils/validate_data_dir.sh"
check "help" bash -c '"$0" --help | grep -q "Usage: utils/validate_data_dir.sh"' "$utils/validate_data_dir.sh"

bad_of() { # <good directory> <name> <regex> <command that spoils the copy "bad">
  rm -rf bad
  cp -r "$1" bad
  eval "$4"
  check_fails "$2" 1 "$3" validate bad
}
bad() { bad_of good "$@"; }
bad_cut() { bad_of cut "$@"; }
bad "a missing table" 'bad/text is missing.*--no-text' 'rm bad/text'
bad "an empty table" 'bad/wav.scp is empty' ': > bad/wav.scp'
bad "an utterance missing" 'bad/utt2spk:12: "bob-06" is in bad/utt2spk, not in bad/text' 'sed -i 12d bad/text'
bad "an utterance too many" 'bad/text:13: "cob-1" is in bad/text, not in' 'echo "cob-1 x" >> bad/text'
bad "not in byte order" 'bad/text:2: "bob-05" comes after "bob-06".*LC_ALL=C' 'tac good/text > bad/text'
bad "twice" 'bad/wav.scp:2: "ann-01" is there twice' 'sed -i "2s/ann-02/ann-01/" bad/wav.scp'
bad "a line without value" 'bad/wav.scp:4: found only "ann-04"' 'sed -i "4s/ .*//" bad/wav.scp'
bad "three words in utt2spk" 'bad/utt2spk:2: found 3 words, needs 2' 'sed -i "2s/$/ x/" bad/utt2spk'
bad "an empty line" 'bad/text:3: an empty line' 'sed -i "3s/.*//" bad/text'
bad "carriage returns" 'bad/text:1: a carriage return' 'sed -i "s/\$/\r/" bad/text'
bad "a byte order mark" 'bad/text:1: a byte order mark' 'sed -i "1s/^/\xef\xbb\xbf/" bad/text'
bad "not UTF-8" 'bad/text:5: not UTF-8 at byte 10 .*iconv' 'sed -i "5s/e words/\xe9 words/" bad/text'
bad "a zero byte" 'bad/text:5: a zero byte' 'sed -i "5s/words/\x00/" bad/text'
# Kaldi's validate_text.pl: white space but space and tab is not allowed in transcripts.
bad "a no-break space" 'bad/text:6: white space U\+00A0 at character 11' 'sed -i "6s/the /the\xc2\xa0/" bad/text'
bad "a control character" 'bad/text:6: control character U\+0007 at character 8.*--non-print' 'sed -i "6s/the/\x07the/" bad/text'
check "is allowed with --non-print" validate --non-print bad
# Kaldi: text contains illegal symbol.
bad "a symbol of language models" 'bad/text:7: the word <s>' 'sed -i "7s/the/<s>/" bad/text'
bad "spk2utt of another set" 'bad/spk2utt:1: bad/spk2utt does not follow from utt2spk.*spk2utt.pl' 'sed -i "s/ ann-06//" bad/spk2utt'
# Kaldi: not sorted by speaker, "fix this by making speaker-ids prefixes of utt-ids".
bad "not in order of speaker" 'bad/utt2spk:3: speaker "ann" comes after "zoe".*--no-spk-sort' \
  'sed -i "2s/ann$/zoe/" bad/utt2spk; "$utils/utt2spk_to_spk2utt.pl" bad/utt2spk > bad/spk2utt'
check "is allowed with --no-spk-sort" validate --no-spk-sort bad
bad "a missing audio file" 'bad/wav.scp:3: "ann-03": no file "gone.wav" in '"$tmp" 'sed -i "3s/a.wav/gone.wav/" bad/wav.scp'
check "is not looked for with --no-file-check" validate --no-file-check bad
bad "a command without its bar" 'no file "sox a.wav -t wav -".*needs a "\|"' 'sed -i "3s/a.wav/sox a.wav -t wav -/" bad/wav.scp'
bad "a tilde" 'bad/wav.scp:3: "ann-03": nobody expands' 'sed -i "3s/a.wav/~\/a.wav/" bad/wav.scp'
bad "feats.scp is checked where present" 'ann-02.*not in bad/feats.scp' 'head -n 1 good/wav.scp > bad/feats.scp'
bad "a missing archive" 'bad/feats.scp:1: "ann-01": no file "gone.ark"' 'sed "s/ .*/ gone.ark:17/" good/text > bad/feats.scp'
bad "a duration that is none" 'bad/utt2dur:1: needs a number above 0, not "0"' 'sed "s/ .*/ 0/" good/text > bad/utt2dur'
bad "frames that are none" 'bad/utt2num_frames:1: needs a whole number' 'sed "s/ .*/ 1.5/" good/text > bad/utt2num_frames'
bad "a table of speakers" '"bob" is in bad/spk2utt, not in bad/spk2gender' 'echo "ann f" > bad/spk2gender'
bad "a gender" 'bad/spk2gender:2: needs m or f' 'printf "ann f\nbob x\n" > bad/spk2gender'
bad "any table called utt2..." 'not in bad/utt2lang' 'echo "ann-01 de" > bad/utt2lang'
bad "many errors are counted" 'bad/text: 2 complaints more' 'sed -i "s/ .*/ <s>/" bad/text'
bad_cut "a segment without recording" 'bad/segments:1: "ann-rec9" is in bad/segments, not in bad/wav.scp' 'sed -i "1s/rec0/rec9/" bad/segments'
bad_cut "a recording without segment" 'bad/wav.scp:5: "x" is in bad/wav.scp, not in bad/segments' 'echo "x a.wav" >> bad/wav.scp'
bad_cut "a segment that ends before it starts" 'bad/segments:2: the segment ends before it starts' 'sed -i "2s/4 5.5/4 3/" bad/segments'
bad_cut "a time that is none" 'bad/segments:2: "x" is not a time' 'sed -i "2s/5.5/x/" bad/segments'
bad_cut "a segment after its recording's end" 'bad/segments:2: the segment from 14 to 15.5 s does not lie' 'sed -i "2s/4 5.5/14 15.5/" bad/segments'
bad_cut "segments without wav.scp" 'bad/wav.scp is missing, and segments needs it' 'rm bad/wav.scp'
bad_cut "a channel" 'bad/reco2file_and_channel:1: needs .*A or B' 'sed -i "1s/A/C/" bad/reco2file_and_channel'
sed 's/5.5/-1/' cut/segments > t && cp -r cut open && mv t open/segments
check "a segment up to the end" validate open
rm -rf bad && cp -r good bad && sed -i '2s/ /\t/; 4s/$/  /' bad/text
check "tabs and spaces at the end are no errors" validate bad
cp .check.err warnings
check "but named" bash -c 'grep -q "warning: bad/text:2: a tab" "$0" && grep -q "warning: bad/text:4: a space at" "$0"' warnings
# Kaldi asks for feats.scp unless told not to.
check_fails "feats.scp is asked for" 1 'feats.scp is missing.*make_fbank.sh' "$utils/validate_data_dir.sh" good
check_fails "no directory" 1 "no directory 'nowhere'" validate nowhere
check_fails "usage" 2 'data-dir' validate
check_fails "an unknown option" 2 'no-feet' validate --no-feet good

# One defect does not hide the next: each of these is in one run.
all_of() { # <name> <dir> <regex>...: each regex matches a line of what validate says; as many errors as regexes
  local name=$1 dir=$2 regex
  shift 2
  check_fails "$name" 1 "$dir: $# errors|$dir: an error" validate "$dir"
  cp .check.err said
  for regex in "$@"; do check "$name: $regex" grep -qE -e "$regex" said; done
}
mkdir hidden # as in the cases of ../shared
printf 'u2 u2\nu1 u1\nu1 u1\n' > hidden/utt2spk
printf 'u1 x\nu3 z\n' > hidden/text
echo 'u1 nofile.wav' > hidden/wav.scp
all_of "hidden defects" hidden 'hidden/spk2utt is missing' 'utt2spk:2: "u1" comes after "u2"' 'utt2spk:3: "u1" is there twice' \
  'wav.scp:1: "u1": no file' 'text:2: "u3" is in hidden/text, not in hidden/utt2spk' 'utt2spk:1: "u2" is in .*not in hidden/text' \
  'utt2spk:1: "u2" is in .*not in hidden/wav.scp' 'text:2: "u3" is in .*not in hidden/wav.scp'
cp -r cut many
rm many/utt2spk many/spk2utt
: > many/text
sed -i '2s/4 5.5/x y/; 4s/0 1.5/-1 1.5 z/' many/segments
echo 'ann-rec9 0' >> many/reco2dur
printf 'bob x y\nann f\n' > many/spk2gender
printf 'ann-01 1.5\nann-02 -2\nann-02 7\n' > many/utt2num_frames
printf 'nobody gone.ark:1\n' > many/feats.scp
check_fails "all tables are looked at without utt2spk" 1 'many: [0-9]+ errors' validate many
cp .check.err said
for regex in 'utt2spk is missing' 'spk2utt is missing' 'text is empty' 'segments:2: "x" is not a time' 'segments:2: "y" is not a time' \
  'segments:4: the segment starts before' 'segments:4: the channel "z"' 'reco2dur:5: needs a number above 0' 'spk2gender:1: found 3 words' \
  'spk2gender:1: needs m or f' 'spk2gender:2: "ann" comes after' 'utt2num_frames:1: needs a whole' 'utt2num_frames:2: needs a whole' \
  'utt2num_frames:3: "ann-02" is there twice' 'feats.scp:1: "nobody": no file' 'reco2dur:5: "ann-rec9" is in'; do
  check "many: $regex" grep -qE -e "$regex" said
done
cp -r good kinds # many of one kind do not hide another kind
awk '{ print "\xe9" $0 "\r" }' good/text > kinds/text
echo '# x' >> kinds/text
check_fails "kinds" 1 'kinds/text: 2 complaints more: not UTF-8' validate kinds
cp .check.err said
check "kinds: the other one of the same lines" grep -q 'kinds/text: 2 complaints more: carriage returns' said
rm -rf kinds && cp -r good kinds
printf 'ann ann-01 ann-03\nbob bob-01 bob-02 bob-03 bob-04 bob-05 bob-06 ann-02\nzoe ann-04\n' > kinds/spk2utt
all_of "spk2utt, each line" kinds 'spk2utt:1: .*"ann": "ann-02" is not there' 'spk2utt:2: .*"bob": "ann-02" is not of this speaker' \
  'spk2utt:3: .*nobody there is called "zoe"'
check_fails "other tools name all lines of a table too" 1 'text:2: .*twice' bash -c '
  cp -r good twice; sed -i "2s/ann-02/ann-01/; 5s/.*//; 7s/\$/\r/" twice/text; sed -i "3s/ .*//" twice/wav.scp; sed -i "4s/ann-04/ann-01/" twice/wav.scp
  exec "$0" twice 3 part' "$utils/subset_data_dir.sh"
cp .check.err said
for regex in 'text:5: an empty line' 'text:7: a carriage return' 'wav.scp:4: .*twice'; do check "subset: $regex" grep -qE -e "$regex" said; done
printf 'a 1\nb\nc x\n' > symbols && printf 'a 2 q\nr a\n' > words
check_fails "a table of symbols, each line" 1 'symbols:3: wanted' "$utils/sym2int.pl" symbols words
cp .check.err said
check "the first too" grep -q 'symbols:2: wanted' said
echo 'a 1' > symbols
check_fails "words without a symbol, each" 1 'words:2: word 1: "r"' "$utils/sym2int.pl" -f 1- symbols words
cp .check.err said
check "the first too" grep -q 'words:1: word 2: "2" is not in' said

# Encodings of other systems, in every table: named by the check, mended by fix, passed over or named elsewhere.
for table in text wav.scp utt2spk spk2utt; do
  rm -rf bad && cp -r good bad && sed -i '1s/^/\xef\xbb\xbf/' bad/$table
  all_of "a byte order mark in $table" bad "bad/$table:1: a byte order mark .U.FEFF"
  check "and passed over by the tools" "$utils/subset_data_dir.sh" --first bad 3 part
  check "fix" fix bad
  check "mends it" diff -r -x .backup bad good
  rm -rf bad && cp -r good bad && iconv -f UTF-8 -t UTF-16 good/$table > bad/$table
  all_of "UTF-16 in $table" bad "bad/$table is UTF-16, not UTF-8; .*iconv -f UTF-16"
  check "fix" fix bad
  check "mends it" diff -r -x .backup bad good
  rm -rf bad && cp -r good bad && sed -i 's/$/\r/' bad/$table
  check_fails "carriage returns in $table" 1 "bad/$table: 2 complaints more|bad: 2 errors" validate bad
  check "fix" fix bad
  check "mends it" diff -r -x .backup bad good
done
rm -rf bad && cp -r cut bad && sed -i '1s/^/\xef\xbb\xbf/' bad/segments && sed -i 's/$/\r/' bad/reco2dur
check_fails "segments too" 1 'bad/segments:1: a byte order mark' validate bad
check "fix" fix bad
check "mends it" diff -r -x .backup bad cut
rm -rf bad && cp -r good bad && sed -i '4s/^/\xef\xbb\xbf/' bad/text # two files joined
check_fails "a byte order mark within" 1 'bad/text:4: U.FEFF ZERO WIDTH NO-BREAK SPACE in the key .*joined' validate bad
check "fix" fix bad
check "mends it" diff -r -x .backup bad good
printf '\xef\xbb\xbfann-01\r\nann-02\r\n' > list
check_equal "lists of names too" "$("$utils/filter_scp.pl" list good/text | wc -l)" 2
check_equal "and what is filtered" "$(printf '\xef\xbb\xbfann-01 x\n' | "$utils/filter_scp.pl" list | od -An -c | tr -d ' ')" 'ann-01x\n'

# What nobody sees.
rm -rf bad && cp -r good bad && sed -i '2s/the/th\xe2\x80\x8be/; 3s/words/\xc2\xadwords/; 5s/the/t\xe2\x80\x8bhe/' bad/text
check "invisible characters in transcripts are no errors" validate bad
cp .check.err said
check "but named by code point" grep -q 'warning: bad/text:2: U+200B ZERO WIDTH SPACE at character 10: .*(2 lines)' said
check "each of them" grep -q 'warning: bad/text:3: U+00AD SOFT HYPHEN at character 12' said
sed -i '2s/ann/a\xe2\x80\x8bnn/' bad/text
check_fails "in a name they are" 1 'bad/text:2: U\+200B ZERO WIDTH SPACE in the key "a\\u\{200B\}nn-02"' validate bad
rm -rf bad && cp -r good bad
for code in '\xe3\x80\x80' '\xe2\x80\x89' '\xe2\x80\xa8' '\xc2\x85'; do sed -i "2s/the /the$(printf "$code")/" bad/text; sed -i '2s/thewords/the words/' bad/text; done
sed -i '2s/the/the\xe3\x80\x80\xe2\x80\x89the/' bad/text
check_fails "white space of each kind in a line is named" 1 'bad/text:2: white space U\+3000' validate bad
cp .check.err said
check "the second kind too" grep -q 'bad/text:2: white space U+2009' said
check "fix" fix bad
check "makes spaces of it" validate bad

# Kaldi's problem of numbers as names of speakers: utterances begin with their speaker, and yet there are two orders.
mkdir numbers
printf '13_1 13\n1_2 1\n2-1 2\n' | LC_ALL=C sort > numbers/utt2spk
awk '{ print $1, "a.wav" }' numbers/utt2spk | tee numbers/wav.scp | sed 's/a.wav/words/' > numbers/text
"$utils/utt2spk_to_spk2utt.pl" numbers/utt2spk > numbers/spk2utt
all_of "names that are numbers" numbers 'utt2spk:2: speaker "1" comes after "13".*"_" sorts after "3".*zero padding .01, 13.'
check "fix says so too" fix numbers
cp .check.err said
check "with the remedy" grep -q 'zero padding' said
check_fails "near misses of options" 2 'unknown option --no-feat; did you mean --no-feats\?' validate --no-feat good
check "options with underscores, as Kaldi has both" "$utils/validate_data_dir.sh" --no_feats good

# The tools in C++ give the hints of the check where they read the same wav.scp.
hint() { # <name> <value> <regex>
  echo "u1 $2" > hint.scp
  check_fails "wav.scp: $1" 1 "utterance u1: .*$3" wav-to-duration scp:hint.scp ark:/dev/null
}
if [ -x "$BUILD/bin/wav-to-duration" ]; then
  hint "a command without its bar" "sox a.wav -t wav -" 'needs a "\|" at its end'
  # shellcheck disable=SC2088  # as it stands
  hint "a tilde" "~/a.wav" 'nobody expands "~"'
  hint "a relative path" "gone/a.wav" "No such file or directory in $tmp"
else
  skip "hints of the tools" "they are not built"
fi

# A directory with all that fix mends: afterwards it is good.
cp -r good broken
{ printf '\xef\xbb\xbf'; tac good/text; } | sed 's/$/\r/; 3s/ /\t/' > broken/text
sed -i '4d; 6s/$/ /; 8s/.*//' broken/wav.scp
{ head -n 2 good/utt2spk; cat good/utt2spk; echo "ann-01 bob"; printf 'x-\xff x\n'; } > broken/utt2spk
awk '{ print $1, 1.5 }' good/utt2spk | sed 5d > broken/utt2dur
awk '{ print $1, "de" }' good/utt2spk > broken/utt2lang
printf 'zoe f\nbob m\nann f\n' > broken/spk2gender
cp broken/text old.text
check "fix" fix broken
cp .check.err fix.err
check "what is mended is good" validate broken
check_equal "an utterance goes that a table lacks" "$(wc -l < broken/utt2spk) $(grep -c 'ann-04\|ann-08' broken/utt2spk)" "10 0"
check "the old files are kept" cmp old.text broken/.backup/text
check "a second value for a key is named" grep -q 'broken/utt2spk:15: kept the first line: "ann-01" again' fix.err
check "a line that is not UTF-8 is named" grep -q 'broken/utt2spk:16: dropped.*not UTF-8' fix.err
check "what lacks an utterance is named" grep -q '2 utterances, "ann-04" first, are not in broken/wav.scp' fix.err
check_equal "a table that can be made again goes" "$(ls broken | tr '\n' ' ')" \
  "spk2gender spk2utt text utt2lang utt2spk wav.scp "
check_equal "a table of speakers is filtered" "$(cat broken/spk2gender)" $'ann f\nbob m'
check "fixing what is good" fix good
check_equal "changes nothing" "$(ls -A good | tr '\n' ' ')" "spk2utt text utt2spk wav.scp "

cp -r cut broken_cut
sed -i '/ann-rec0/d' broken_cut/wav.scp
sed -i '$s/ 0 1.5$/ 3 1/' broken_cut/segments
echo "stray a.wav" >> broken_cut/wav.scp
check "fix with segments" fix broken_cut
check "a good directory" validate broken_cut
check_equal "recordings follow the segments" "$(cut -d ' ' -f 1 broken_cut/wav.scp) $(cut -d ' ' -f 1 broken_cut/reco2dur | wc -l)" \
  "$(printf 'ann-rec1\nbob-rec0\nbob-rec1') 3"
check_equal "utterances follow the recordings" "$(wc -l < broken_cut/text)" 7
cp -r good gone && sed -i '2s/a.wav/gone.wav/' gone/wav.scp
check "a missing audio file is dropped if asked" fix --drop-missing-audio true gone
check_equal "only that" "$(wc -l < gone/text)" 11
cp -r good none && echo "nobody x" > none/text
check_fails "nothing in common" 1 'no utterance of none is in all its tables; nothing was changed' fix none
check_equal "nothing was changed" "$(cat none/text)" "nobody x"
cp -r good extra && tac good/text > extra/phones
check "extra files" fix --utt-extra-files phones extra
check "are sorted" cmp extra/phones good/text

# The user's locale does not matter: in a real one "a-b" comes after "aa" and B after a.
mkdir other
printf '%s\n' B-1 a-1 a-b aa-1 é-1 日本-1 | awk '{ print $1, $1 }' > other/utt2spk
cp other/utt2spk other/spk2utt
awk '{ print $1, "čaj" }' other/utt2spk > other/text
awk '{ print $1, "a.wav" }' other/utt2spk > other/wav.scp
check "UTF-8 names" validate other
cp -r other shuffled
tac other/text > shuffled/text
if have_german && [ "$(printf 'a\nB\n' | german sort | head -n 1)" = a ]; then
  check "a locale with another order" german "$utils/validate_data_dir.sh" --no-feats other
  check "fix in that locale" german "$utils/fix_data_dir.sh" shuffled
  check "sorts in byte order" cmp shuffled/text other/text
  german sort other/text > shuffled/text
  check_fails "its order is wrong" 1 'not in byte order' validate shuffled
else
  skip "a locale with another order" "localedef cannot make de_DE.UTF-8 (package locales)"
fi
check "the POSIX locale and UTF-8 names" env LC_ALL=POSIX "$utils/validate_data_dir.sh" --no-feats other
cp -r good "with space"
check "a path with a space" validate "with space"
check "fix there" fix "with space"

# Speed: 100,000 utterances in seconds.
mkdir big
seq -f 'spk%06.0f' 100000 | awk '{ s = substr($1, 1, 6); print s "-" $1, s }' > big/utt2spk
awk '{ print $1, "a.wav" }' big/utt2spk > big/wav.scp
awk '{ print $1, "a few words of this utterance" }' big/utt2spk > big/text
tac big/wav.scp > big/feats.scp
"$utils/utt2spk_to_spk2utt.pl" big/utt2spk > big/spk2utt
in_seconds() { # <seconds of CPU time> cmd...
  (ulimit -t "$1" && "${@:2}")
}
check "100,000 utterances are fixed in seconds" in_seconds 15 "$utils/fix_data_dir.sh" big
check "and checked" in_seconds 15 "$utils/validate_data_dir.sh" big
check "and cut" in_seconds 15 "$utils/subset_data_dir.sh" big 50000 half
