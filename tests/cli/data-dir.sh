#!/usr/bin/env bash
. "$(dirname "$0")/../support/cli.sh"
utils=$root/utils
cd "$tmp" || exit 1

make_dir() { # <dir> <utterances>
  mkdir -p "$1"
  seq -f 'ann-%02g' "$2" > "$1/keys"
  awk '{ print $1, "a.wav" }' "$1/keys" > "$1/wav.scp"
  awk '{ print $1, "the words" }' "$1/keys" > "$1/text"
  awk '{ print $1, "ann" }' "$1/keys" > "$1/utt2spk"
  "$utils/utt2spk_to_spk2utt.sh" "$1/utt2spk" > "$1/spk2utt"
}
validate() { "$utils/validate_data_dir.sh" "$@"; }

make_dir good 12
check "a good directory" validate good
check_equal "spk2utt" "$(cut -d ' ' -f 1-3 good/spk2utt)" "ann ann-01 ann-02"
awk 'NR == 3 { print $1; next } { print }' good/text > t && cp -r good empty && mv t empty/text
check "an empty transcript is legal" validate empty

bad() { # <name> <regex> <command that spoils the copy "bad">
  rm -rf bad
  cp -r good bad
  eval "$3"
  check_fails "$1" 1 "$2" validate bad
}
bad "a missing table" 'bad/text is missing' 'rm bad/text'
bad "an utterance missing" '"ann-12" is in bad/utt2spk, not in bad/text' 'sed -i 12d bad/text'
bad "an utterance too many" '"bob-1" is in bad/text, not in' 'echo "bob-1 x" >> bad/text'
bad "not in byte order" 'bad/text:2: "ann-01" comes after "ann-12".*LC_ALL=C' 'tac good/text | sed "2s/11/01/" > bad/text'
bad "twice" 'bad/wav.scp:2: "ann-01" is there twice' 'sed -i "2s/ann-02/ann-01/" bad/wav.scp'
bad "a line without value" 'bad/wav.scp:4: found 1 fields' 'sed -i "4s/ .*//" bad/wav.scp'
bad "carriage returns" 'text:1: a carriage return' 'sed -i "s/\$/\r/" bad/text'
bad "spk2utt of another set" 'does not follow from utt2spk' 'sed -i "s/ ann-12//" bad/spk2utt'
bad "feats.scp is checked where present" 'ann-02.*not in bad/feats.scp' 'head -n 1 good/wav.scp > bad/feats.scp'
check_fails "feats.scp is asked for" 1 'feats.scp is missing' validate --feats good
check_fails "no directory" 1 "no directory 'nowhere'" validate nowhere
check_fails "usage" 2 'one data directory' validate

check "split_scp" "$utils/split_scp.sh" good/text s1 s2 s3 s4 s5
check_equal "parts of equal length" "$(wc -l s1 s2 s3 s4 s5 | awk '{ print $1 }' | tr '\n' ' ')" "2 2 3 2 3 12 "
cat s1 s2 s3 s4 s5 > joined
check "the parts make the whole" cmp joined good/text
check_fails "more parts than lines" 1 '12 lines, too few for 13' "$utils/split_scp.sh" good/text p{1..13}

check "subset" "$utils/subset_data_dir.sh" good 5 sub
check "a subset is a good directory" validate sub
check_equal "subset size" "$(wc -l < sub/text)" 5
check_fails "a subset larger than the set" 1 '13 were asked for' "$utils/subset_data_dir.sh" good 13 s

printf 'b-1 b\na-1 a x\n' > broken
check_fails "utt2spk with three fields" 1 'broken:2: wanted "utterance speaker"' \
  "$utils/utt2spk_to_spk2utt.sh" broken

printf 'u1 čaj dům\nu2\nu3 ad\n' > text
check_equal "units: letters in code point order, the word mark last" \
  "$("$utils/make_units.py" text | tr '\n' ' ')" \
  "<blank> 0 <unk> 1 <sos/eos> 2 a 3 d 4 j 5 m 6 č 7 ů 8 ▁ 9 "
: > none
check_fails "units of no text" 1 'none holds no text' "$utils/make_units.py" none
