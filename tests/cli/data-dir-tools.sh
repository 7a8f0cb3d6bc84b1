#!/usr/bin/env bash
# The tools that cut, join and copy data directories.
. "$(dirname "$0")/../support/cli.sh"
utils=$root/utils
mkdir "$tmp/with space"
cd "$tmp/with space" || exit 1

# 20 utterances of four speakers: a 10, b 5, c 4, d 1. Recordings of five seconds and five utterances.
mkdir data
{ seq -f 'a-%02g a' 10 && seq -f 'b-%02g b' 5 && seq -f 'c-%02g c' 4 && echo "d-01 d"; } > data/utt2spk
awk '{ print $1, "words of", $1 }' data/utt2spk > data/text
awk '{ print $1, (NR * 7) % 20 + 1 }' data/utt2spk > data/utt2num_frames
awk '{ print $1, "x.ark:" NR }' data/utt2spk > data/feats.scp
printf 'a f\nb m\nc m\nd f\n' > data/spk2gender
sed 's/ .*/ cmvn.ark:1/' data/spk2gender > data/cmvn.scp
cp -r data cut
awk '{ print $1, "a.wav" }' data/utt2spk > data/wav.scp
awk '{ print $1, $2 "-rec" int((NR - 1) / 5), (NR - 1) % 5, (NR - 1) % 5 + 0.5 }' data/utt2spk > cut/segments
cut -d ' ' -f 2 cut/segments | sort -u | awk '{ print $1, $1 ".wav" }' > cut/wav.scp
awk '{ print $1, $1, "A" }' cut/wav.scp > cut/reco2file_and_channel
awk '{ print $1, 5 }' cut/wav.scp > cut/reco2dur
for dir in data cut; do "$utils/utt2spk_to_spk2utt.pl" $dir/utt2spk > $dir/spk2utt; done
validate() { "$utils/validate_data_dir.sh" --no-file-check "$@"; }
keys() { cut -d ' ' -f 1 "$1" | tr '\n' ' '; }
check "the directory to cut" validate data
check "and the one with segments" validate cut

subset() { "$utils/subset_data_dir.sh" "$@"; }
check "subset" subset data 5 sub
check "is a good directory" validate sub
# Kaldi: "the selected utterances are distributed evenly throughout the file".
check_equal "spread evenly" "$(keys sub/text)" "a-04 a-08 b-02 c-01 d-01 "
check_equal "speakers without utterances go" "$(keys sub/spk2gender)$(keys sub/cmvn.scp)" "a b c d a b c d "
check "--first" subset --first data 5 sub
check_equal "the first" "$(keys sub/text)" "a-01 a-02 a-03 a-04 a-05 "
check_equal "and their speaker" "$(cat sub/spk2gender sub/cmvn.scp)" $'a f\na cmvn.ark:1'
check "over another subset" validate sub
check "--last" subset --last data 3 sub
check_equal "the last" "$(keys sub/text)" "c-03 c-04 d-01 "
check "--shortest" subset --shortest data 3 sub
check_equal "the shortest by utt2num_frames" "$(keys sub/utt2num_frames)" "a-03 a-06 d-01 "
check "--per-spk" subset --per-spk data 3 sub
# Kaldi takes the first and every third of ten utterances for 3, every utterance of 4 or 5.
check_equal "as many of each speaker" "$(keys sub/text)" "a-01 a-04 a-07 b-01 b-02 b-03 c-01 c-02 c-03 d-01 "
check "--speakers" subset --speakers data 6 sub
check "whole speakers" validate sub
check_equal "whole speakers, at least so many utterances" \
  "$(awk 'NR == FNR { want[$2]++; next } { got[$2]++ } END { for (s in got) { if (got[s] != want[s]) bad = 1; n += got[s] }
     print bad + 0, (n >= 6) }' data/utt2spk sub/utt2spk)" "0 1"
cp -r sub first_draw
check "--speakers again" subset --speakers data 6 sub
check "the same speakers" diff -r sub first_draw
printf 'b-02 more words\na-01\nnobody\n' > list
check "--utt-list" subset --utt-list list data sub
check_equal "the listed, in order" "$(keys sub/text)" "a-01 b-02 "
check "who is not there is named" bash -c '"$0" --utt-list list data sub 2>&1 | grep -q "1 utterances are not there, \"nobody\""' \
  "$utils/subset_data_dir.sh"
printf 'd\nb\n' > list
check "--spk-list" subset --spk-list list data sub
check_equal "the listed speakers" "$(keys sub/spk2utt)$(wc -l < sub/text)" "b d 6"
check "subset with segments" subset --last cut 6 sub
check "is good" validate sub
check_equal "recordings follow the segments" "$(keys sub/wav.scp)$(keys sub/reco2dur)$(keys sub/reco2file_and_channel)" \
  "b-rec2 c-rec3 d-rec3 b-rec2 c-rec3 d-rec3 b-rec2 c-rec3 d-rec3 "
check_fails "a subset larger than the set" 1 'data has 20 utterances, 21 were asked for' subset data 21 s
check_fails "no number" 2 "'x' is not a number" subset data x s
check_fails "two ways at once" 2 'not allowed with' subset --first --last data 3 s
check_fails "over itself" 2 'is read and written' subset data 3 data/
check_fails "a list of others" 1 'no utterance of those asked for' bash -c 'echo x > l; exec "$0" --utt-list l data s' \
  "$utils/subset_data_dir.sh"
cp -r data twice && sed -i '2s/a-02/a-01/' twice/text
check_fails "a key twice is not cut" 1 'twice/text:2: "a-01" is there twice' subset twice 3 s

split() { "$utils/split_data.sh" "$@"; }
parts() { for ((i = 1; i <= $2; i++)); do wc -l < "$1/$i/utt2spk"; done | tr '\n' ' '; }
check "split by speaker" split data 3
# Kaldi's folders; no speaker is in two of them.
check_equal "parts of whole speakers" "$(parts data/split3 3)$(keys data/split3/3/spk2utt)" "10 5 5 c d "
for i in 1 2 3; do check "part $i" validate data/split3/$i; done
cat data/split3/{1,2,3}/text > joined
check "the parts make the whole" cmp joined data/text
check "split by utterance" split --per-utt cut 3
# Kaldi's split_scp.pl gives the first parts one more.
check_equal "parts of equal size" "$(parts cut/split3utt 3)" "7 7 6 "
for i in 1 2 3; do check "part $i with segments" validate cut/split3utt/$i; done
check_equal "recordings of a part" "$(keys cut/split3utt/2/wav.scp)" "a-rec1 b-rec2 "
touch -d '1 hour ago' data/split3/1/text
check "split again" split data 3
check_equal "nothing to do" "$(find data/split3/1/text -mmin +30)" data/split3/1/text
touch data/text
check "and again" split data 3
check_equal "a newer table is split anew" "$(find data/split3/1/text -mmin +30)" ""
# Kaldi refuses likewise.
check_fails "more parts than speakers" 1 '4 speakers, too few for 5 parts.*--per-utt' split data 5
check_fails "more parts than utterances" 1 '20 utterances, too few for 21' split --per-utt data 21
check_fails "no parts" 2 "'0' is not a number above 0" split data 0

rm -rf data/split* cut/split*
combine() { "$utils/combine_data.sh" "$@"; }
check "parts of the directory" bash -c '"$0" --first "$1" 8 p1 && "$0" --last "$1" 12 p2' "$utils/subset_data_dir.sh" data
check "combine" combine whole p2 p1
rm -rf whole/.backup
check "parts make the whole again" diff -r whole data
check "directories with segments" bash -c '"$0" --first "$1" 8 p1 && "$0" --last "$1" 12 p2' "$utils/subset_data_dir.sh" cut
check "combine those" combine whole p1 p2
rm -rf whole/.backup
check "a recording may be in both" diff -r whole cut
check "with and without segments" bash -c '"$0" --utt-prefix=x- --spk-prefix=x- --validate-opts=--no-file-check data other' "$utils/copy_data_dir.sh"
echo "x-a-01 2.5" > t && sed 1d other/utt2spk | sed 's/ .*/ 3/' >> t && mv t other/utt2dur
check "combine both kinds" combine whole cut other
check_equal "segments of whole recordings are made" "$(grep x-a-01 whole/segments)" "x-a-01 x-a-01 0 2.5"
check_equal "utt2uniq too" "$(grep '^b-01\|^x-b-01' whole/utt2uniq)" $'b-01 b-01\nx-b-01 b-01'
check "is good" validate whole
check "a table that one lacks is left out" bash -c '"$0" whole cut other 2>&1 | grep -q "utt2dur is left out: cut does"' \
  "$utils/combine_data.sh"
cp -r data changed && sed -i '3s/words/others/' changed/text
check_fails "one utterance, two transcripts" 1 'changed/text:3: "a-03" has another value in data/text' combine whole data changed
check_fails "over one of them" 2 'is read and written' combine data data cut
check_fails "too few" 2 'are needed' combine whole

copy() { "$utils/copy_data_dir.sh" "$@"; }
check "copy" copy --validate-opts --no-file-check cut copied
check "the same" diff -r copied cut
check "copy with other names" copy --utt-prefix=far- --utt-suffix=.x --spk-prefix=far- --validate-opts --no-file-check cut copied
check_equal "names" "$(head -n 1 copied/utt2spk; head -n 1 copied/text; tail -n 1 copied/spk2gender; head -n 1 copied/utt2uniq)" \
  $'far-a-01.x far-a\nfar-a-01.x words of a-01\nfar-d f\nfar-a-01.x a-01'
# Kaldi: "the recording-ids stay the same".
check_equal "recordings keep their names" "$(head -n 1 copied/segments)" "far-a-01.x a-rec0 0 0.5"
check_fails "a copy is checked" 1 'no file "a.wav"' copy data copied

perturb() { "$utils/perturb_data_dir_speed.sh" "$@"; }
if ! command -v sox > /dev/null; then
  skip "perturbed speed" "no sox"
else
  sox -n -r 16000 -b 16 "it's a.wav" synth 2 sine 440
  mkdir tone
  printf 'a-1 %s\na-2 cat "%s" |\na-3 sox -t wav - -t wav - < "%s" |\n' "it's a.wav" "it's a.wav" "it's a.wav" > tone/wav.scp
  printf 'a-1 a\na-2 a\na-3 a\n' | tee tone/utt2spk tone/utt2lang tone/text > /dev/null
  printf 'a-1 2\na-2 2\na-3 2\n' > tone/utt2dur
  echo 'a a-1 a-2 a-3' > tone/spk2utt
  check "perturb" perturb 0.8 tone slow
  # Kaldi's prefixes of utterances and speakers, and its utt2uniq.
  check_equal "names" "$(head -n 1 slow/utt2spk)|$(head -n 1 slow/utt2uniq)|$(cut -d ' ' -f 1,2 slow/spk2utt)" \
    "sp0.8-a-1 sp0.8-a|sp0.8-a-1 a-1|sp0.8-a sp0.8-a-1"
  check_equal "durations" "$(cat slow/utt2dur)" $'sp0.8-a-1 2.5\nsp0.8-a-2 2.5\nsp0.8-a-3 2.5'
  check_equal "the audio is longer" "$(wav-to-duration scp:slow/wav.scp ark,t:- 2> /dev/null | sed 's/ $//')" "$(cat slow/utt2dur)"
  check "without prefix of the speaker" perturb --include-spk-prefix false 1.1 tone fast
  check_equal "the same speaker" "$(head -n 1 fast/utt2spk)" "sp1.1-a-1 a"
  check "combined" combine both tone slow
  check_equal "utt2uniq says who is who" "$(grep -c ' a-2' both/utt2uniq)" 2
fi
check "perturb with segments" bash -c '"$0" 0.5 cut slow' "$utils/perturb_data_dir_speed.sh"
check_equal "times and recordings" "$(sed -n 2p slow/segments; head -n 1 slow/wav.scp; head -n 1 slow/reco2dur)" \
  $'sp0.5-a-02 sp0.5-a-rec0 2 3\nsp0.5-a-rec0 sox -t wav a-rec0.wav -t wav - speed 0.5 |\nsp0.5-a-rec0 10'
check_equal "features do not fit any more" "$(ls slow | tr '\n' ' ')" \
  "reco2dur reco2file_and_channel segments spk2gender spk2utt text utt2spk utt2uniq wav.scp "
mkdir archive && sed 's/a.wav/x.ark:99/' data/wav.scp > archive/wav.scp && cp data/{utt2spk,spk2utt} archive
check "audio in archives" perturb 0.9 archive slow
check_equal "goes through wav-copy" "$(head -n 1 slow/wav.scp)" "sp0.9-a-01 wav-copy x.ark:99 - | sox -t wav - -t wav - speed 0.9 |"
check_fails "no factor" 2 "'fast' is not a number above 0" perturb fast data slow
