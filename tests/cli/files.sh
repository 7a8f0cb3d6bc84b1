#!/usr/bin/env bash
# How outputs come to their places (links, modes, folders and files that may not be written), and what stands in inputs
# that editors and other systems have touched: byte order marks, CRLF, keys twice, offsets that no longer fit.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
umask 022
printf 'a  [\n  1 2 ]\nb  [\n  3 4\n  5 6 ]\n' >f
copy() { copy-feats --print-args=false ark:f "$@"; }
no_rubbish() { [ -z "$(find . -name '.*.tmp-*')" ]; }

# Links.
mkdir -p storage/1 storage/2
ln -s storage/1/raw.1.ark raw.1.ark
check "output through a dangling link" copy ark:raw.1.ark
check "appears where the link points" test -f storage/1/raw.1.ark
check_equal "and the link stays" "$(readlink raw.1.ark)" storage/1/raw.1.ark
check "again" copy ark:raw.1.ark
check_equal "and still stays" "$(readlink raw.1.ark)" storage/1/raw.1.ark
ln -s ../2/end storage/1/middle && ln -s "$tmp/storage/1/middle" chain && ln -s storage linked
check "a chain of links, relative and absolute" copy ark:chain
check "its end" test -f storage/2/end
check_equal "its links stay" "$(readlink chain) $(readlink storage/1/middle)" "$tmp/storage/1/middle ../2/end"
ln -s ../2/x.ark storage/1/by_folder
check "a link in a linked folder" copy ark,scp:linked/1/by_folder,linked/2/x.scp
check_equal "archive and script" "$(find storage -name 'x.*' | sort | xargs)" "storage/2/x.ark storage/2/x.scp"
check "and the script finds the archive" copy-feats scp:storage/2/x.scp ark:/dev/null
ln -s nowhere/deep/y y
check_fails "a link into a folder that is not there" 1 'cannot write y, a link to [^ ]*/nowhere/deep/y: .*directory [^ ]*/nowhere/deep exist' copy ark:y
check_equal "the link stays" "$(readlink y)" nowhere/deep/y
ln -s loop2 loop1 && ln -s loop1 loop2
check_fails "links in a circle" 1 'loop1: too many symbolic links' copy ark:loop1
ln -s report storage/r && ln -s storage/r r
check "a report through a link" bash -c 'feat-stats --json=r ark:f >/dev/null && [ -f storage/report ] && [ -L r ]'

# Modes.
for mode in 600 664 640 444 755 666; do
  echo old >m && chmod $mode m
  [ $mode = 444 ] && [ "$(id -u)" -ne 0 ] && continue
  check "overwrites a file of mode $mode" copy ark:m
  check_equal "whose mode stays" "$(stat -c %a m)" $mode
done
rm m
check "a new file" bash -c "umask 027; $(declare -f copy); copy ark,scp:m,m.scp"
check_equal "has the mode of the umask" "$(stat -c %a m m.scp | xargs)" "640 640"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if [ "$(id -u)" -eq 0 ] && as_nobody true 2>/dev/null && chmod 755 "$tmp" && as_nobody test -x "$BUILD/bin/copy-feats"; then
  echo old >owned && chown 65534:12345 owned && chmod 660 owned
  check "a file of another owner" copy ark:owned
  check_equal "whose owner, group and mode stay" "$(stat -c '%u:%g %a' owned)" "65534:12345 660"
  mkdir nobody && chown 65534:65534 nobody
  echo old >nobody/r && chown 65534 nobody/r && chmod 444 nobody/r
  check_fails "a file that may only be read" 1 'cannot write nobody/r: Permission denied; the file that is there may only be read' \
    as_nobody copy-feats ark:f ark:nobody/r
  check_equal "is not replaced" "$(cat nobody/r)" old
  mkdir locked && echo old >locked/w && chmod 666 locked/w && chmod 755 locked
  check_fails "a folder that may not be written, a new file" 1 'locked/new: Permission denied; an output is begun .* directory locked must be writable' \
    as_nobody copy-feats ark:f ark:locked/new
  check_fails "a folder that may not be written, an old file" 1 'directory locked must be writable' as_nobody copy-feats ark:f ark:locked/w
  check_equal "is not touched" "$(cat locked/w)" old
  chmod 777 nobody && echo old >nobody/g && chown 0:12345 nobody/g && chmod 666 nobody/g
  check "a file of another's group" as_nobody copy-feats ark:f ark:nobody/g
  check_equal "that cannot be kept: its mode" "$(stat -c '%a' nobody/g)" 666
else
  skip "other people's files" "needs root, setpriv and a build folder that everybody may read"
fi

# Devices and pipes.
check_fails "a full device" 1 'cannot write /dev/full: No space left' copy ark:/dev/full
mkfifo pipe
(copy-feats --print-args=false ark:pipe ark,t:from_pipe 2>/dev/null) &
check "into a named pipe" copy ark:pipe
wait
check "which stays one" test -p pipe
check_equal "and comes out" "$(copy-feats ark:from_pipe ark,t:- 2>/dev/null)" "$(copy ark,t:- 2>/dev/null)"
echo 'kept 1' >log && cp log was
check "/dev/stdout is what the shell made it" bash -c 'copy-int-vector --print-args=false ark:was ark,t:/dev/stdout >>log'
check_equal "appended" "$(xargs <log)" "kept 1 kept 1"
check "a descriptor of the shell" bash -c 'copy-feats ark:f ark,t:/dev/fd/7 7>seven && [ -s seven ]'
check "nothing is left over" no_rubbish

# Byte order marks, as editors of Windows write them.
mark=$'\xef\xbb\xbf'
words() { copy-int-vector --print-args=false "$1" ark,t:- 2>/dev/null | xargs; }
printf '%sa 1\nb 2\n' "$mark" >marked.ints
check_equal "a mark before an archive" "$(words ark:marked.ints)" "a 1 b 2"
check_equal "from a pipe, byte by byte" "$(words "ark:for p in 357 273 277; do printf \"\\\\\$p\"; sleep 0.1; done; cat marked.ints | tail -c +4 |")" "a 1 b 2"
copy ark:bin.ark 2>/dev/null
printf '%sa bin.ark:2\n' "$mark" >marked.scp
check "a mark before a script" bash -c '[ "$(feat-to-len scp:marked.scp ark,t:- 2>/dev/null | xargs)" = "a 1" ]'
check "by key" bash -c '[ "$(paste-feats ark:bin.ark scp:marked.scp ark:/dev/null 2>&1 | grep -c "no entry for key .b")" = 1 ]'
printf '%sa s1\nb s1\n' "$mark" >utt2spk
check_equal "before utt2spk" "$(copy-feats ark:f "ark:|true" 2>/dev/null; compute-cmvn-stats --spk2utt="ark:printf '$mark''s1 a b\n' |" ark:f ark,t:- 2>/dev/null | head -n 1 | cut -d' ' -f1)" s1
printf '%sx a 0 -1\n' "$mark" >segments
check_equal "before segments" "$(extract-feature-segments --min-segment-length=0 --snip-edges=false ark:f segments ark,t:- 2>/dev/null | head -n 1 | cut -d' ' -f1)" x
printf '%sa\n' "$mark" >list
check_equal "before a list" "$(subset-feats --include=list ark:f ark,t:- 2>/dev/null | grep -c '\[')" 1
printf '%sdelta-order=1\n' "$mark" >conf
check_equal "before a configuration" "$(add-deltas --config=conf ark:f ark:- 2>/dev/null | feat-to-dim ark:- - 2>/dev/null)" 4
printf '%sA 0\n▁ 1\n' "$mark" >units
check_equal "before units and a text" "$(printf '%su A A\r\n' "$mark" | text-to-tokens units ark:- ark,t:- 2>/dev/null)" "u 0 1 0 "
# Two marks, as two files make them of which the first is empty.
for file in marked.ints marked.scp segments list conf units; do { printf %s "$mark"; cat $file; } >two.$file; done
twice='byte 3: a byte order mark .* in the middle'
check_fails "two marks before an archive" 1 "two.marked.ints, $twice" copy-int-vector ark:two.marked.ints ark:x
check_fails "from a pipe" 1 "$twice" copy-int-vector "ark:cat two.marked.ints |" ark:x
check_fails "by key" 1 "two.marked.ints, $twice" apply-cmvn --utt2spk=ark:two.marked.ints ark:f ark:f ark:x
check_fails "before a script" 1 "two.marked.scp, $twice" copy-feats scp:two.marked.scp ark:x
check_fails "before segments" 1 "two.segments, $twice" extract-feature-segments ark:f two.segments ark:x
check_fails "before a list" 1 "two.list, $twice" subset-feats --include=two.list ark:f ark:x
check_fails "before a configuration" 2 "two.conf, $twice" add-deltas --config=two.conf ark:f ark:x
check_fails "before units" 1 "two.units, $twice" text-to-tokens two.units ark:marked.ints ark:x
printf '%s%s{}' "$mark" "$mark" >two.json && : >weights
check_fails "before JSON" 1 "two.json, $twice" nnet-import two.json weights x
for order in UTF-16LE UTF-16BE; do
  bom='\xff\xfe' && [ $order = UTF-16BE ] && bom='\xfe\xff'
  { printf '%b' "$bom"; printf 'a 1\n' | iconv -t $order; } >wide
  check_fails "$order archive" 1 "wide: begins with UTF-16's byte order mark; convert it: iconv" copy-int-vector ark:wide ark:x
  check_fails "$order script" 1 "wide: begins with UTF-16" copy-feats scp:wide ark:x
  check_fails "$order script by key" 1 "wide: begins with UTF-16" paste-feats ark:f scp:wide ark:x
  check_fails "$order segments" 1 "wide: begins with UTF-16" extract-feature-segments ark:f wide ark:x
  check_fails "$order units" 1 "wide: begins with UTF-16" text-to-tokens wide ark:marked.ints ark:x
  check_fails "$order configuration" 2 "wide: begins with UTF-16" add-deltas --config=wide ark:f ark:x
done
cat marked.ints <(printf '%sc 3\n' "$mark") >joined
check_fails "a mark in the middle of an archive" 1 'joined, byte 11: a byte order mark .* in the middle' copy-int-vector ark:joined ark:x
cat marked.scp <(printf '%sb bin.ark:2\n' "$mark") >joined
check_fails "of a script" 1 'joined:2: a byte order mark' copy-feats scp:joined ark:x
check_fails "of a script by key" 1 'joined:2: a byte order mark' paste-feats ark:f scp:joined ark:x
cat segments <(printf '%sy a 0 -1\n' "$mark") >joined
check_fails "of segments" 1 'joined:2: a byte order mark' extract-feature-segments ark:f joined ark:x
cat list <(printf '%sb\n' "$mark") >joined
check_fails "of a list" 1 'joined:2: a byte order mark' subset-feats --include=joined ark:f ark:x
cat conf <(printf '%sdelta-window=1\n' "$mark") >joined
check_fails "of a configuration" 2 'joined:2: a byte order mark' add-deltas --config=joined ark:f ark:x
cat units <(printf '%sB 2\n' "$mark") >joined
check_fails "of units" 1 'joined:3: a byte order mark' text-to-tokens joined ark:marked.ints ark:x
printf 'A 0\n%s 1\n▁ 2\n' "$mark" >odd.units
check_equal "but it may be a unit" "$(printf 'u A%sA\n' "$mark" | text-to-tokens odd.units ark:- ark,t:- 2>/dev/null)" "u 0 1 0 "
if command -v python3 >/dev/null; then
  printf '%s%sa s\nb s\n' "$mark" "$mark" >two.map && printf 'a s\n%sb s\n' "$mark" >joined
  for tool in make_units.py utt2spk_to_spk2utt.pl spk2utt_to_utt2spk.pl 'filter_scp.pl list' 'sym2int.pl odd.units'; do
    # shellcheck disable=SC2086
    check_fails "two marks, ${tool% *}" 1 'two.map:1: a byte order mark' "$root/utils/"$tool two.map
    # shellcheck disable=SC2086
    check_fails "a mark in the middle, ${tool% *}" 1 'joined:2: a byte order mark' "$root/utils/"$tool joined
  done
  check_fails "as a list" 1 'joined:2: a byte order mark' "$root/utils/filter_scp.pl" joined two.map
  check_fails "in parts" 1 'joined:2: a byte order mark' "$root/utils/split_scp.pl" joined p1 p2
  check "which are not written" test ! -e p1
fi

# Zero bytes and what nobody sees, in what is read line by line.
printf 'a 1\nb\0 2\n' >zero
printf 'A 0\nB\0 1\n' >zero.units
printf 'a\nb x\0\n' >zero.list
check_fails "a zero byte in units" 1 'zero.units:2: a zero byte, so it is not text: B\\x00' text-to-tokens zero.units ark:marked.ints ark:x
check_fails "in a list" 1 'zero.list:2: a zero byte' subset-feats --include=zero.list ark:f ark:x
check_fails "in a speaker" 1 'zero:2: a zero byte' compute-wer --bootstrap --utt2spk=zero ark:marked.ints ark:marked.ints
printf 'delta-order=1\0\n' >zero.conf
check_fails "in a configuration" 2 'zero.conf:1: --delta-order=1\\x00: expected a whole number' add-deltas --config=zero.conf ark:f ark:x
printf '\xe2\x80\x8bdelta-order=1\n' >zero.conf
check_fails "an invisible character in one" 2 'zero.conf:1: unknown option --\\u\{200B\}delta-order; did you mean' add-deltas --config=zero.conf ark:f ark:x
check_fails "a no-break space on the command line" 2 '--delta-order=1\\u\{A0\}: expected a whole' add-deltas $'--delta-order=1\xc2\xa0' ark:f ark:x

# CRLF.
sed 's/$/\r/' f >crlf.f
check_equal "features with CRLF" "$(copy-feats ark:crlf.f ark,t:- 2>/dev/null)" "$(copy ark,t:- 2>/dev/null)"
printf 'a bin.ark:2\r\nb copy-feats --binary=false bin.ark:2 - 2>/dev/null |\r\n' >crlf.scp
check_equal "a script with CRLF and a command" "$(feat-to-len scp:crlf.scp ark,t:- 2>/dev/null | xargs)" "a 1 b 1"
printf 'a 1 2\r\nb \r\nc\r\n' >crlf.ints
check_equal "vectors with CRLF" "$(words ark:crlf.ints)" "a 1 2 b c"
printf 'x a 0 -1\r\n' >crlf.segments
check "segments with CRLF" extract-feature-segments --min-segment-length=0 --snip-edges=false ark:f crlf.segments ark:/dev/null
printf 'a x\r\nb y\r\n' >crlf.map
check_equal "statistics by speaker with CRLF" "$(compute-cmvn-stats ark:f ark:st 2>/dev/null; printf 'a a\r\nb b\r\n' >crlf.map; apply-cmvn --utt2spk=ark:crlf.map ark:st ark:f ark:- 2>/dev/null | feat-to-len ark:- ark,t:- 2>/dev/null | xargs)" "a 1 b 2"

# A key twice.
printf 'a bin.ark:2\nb bin.ark:2\na bin.ark:2\n' >twice.scp
check_fails "a script" 1 "utterance a: twice.scp:3: .*key 'a' was already in line 1; remove one of the two" copy-feats scp:twice.scp ark:x
check_equal "has the key once in the output" "$(feat-to-len ark:x ark,t:- 2>/dev/null | xargs)" "a 1 b 1"
check_fails "a script by key" 1 "twice.scp:3: key 'a' was already in line 1; remove one of the two" paste-feats ark:f scp:twice.scp ark:z
printf 'a o1\nb o2\na o3\n' >twice.out
check_fails "an output script" 1 "twice.out:3: key 'a' was already in line 1" copy-feats ark:f scp:twice.out
printf 'x a 0 -1\nx a 0 -1\n' >twice.seg
check_fails "segments" 1 "twice.seg:2: key 'x' was already in line 1; remove" extract-feature-segments --min-segment-length=0 --snip-edges=false ark:f twice.seg ark:z
printf 'a 1\nb 2\na 3\n' >twice.ints
check "an archive passes from archive to archive, as in Kaldi" copy-int-vector ark:twice.ints ark,t:z
check_equal "with all entries" "$(words ark:z)" "a 1 b 2 a 3"
check_equal "and a warning" "$(copy-int-vector ark:twice.ints ark:z 2>&1 | grep -c "1 entries have a key that was written before ('a')")" 1
check_fails "but not into a script" 1 "the key 'a' was written before, and a script has each key once" copy-int-vector ark:twice.ints ark,scp:z,z.scp
printf 'a a\na a\nb b\n' >twice.map
check_fails "nor is it looked up" 1 "key 'a' was already in byte 0; remove one of the two" \
  apply-cmvn --utt2spk=ark:twice.map ark:st ark:f ark:z
printf 'a\nb\na\n' >twice.list
check_fails "a list" 1 "twice.list:3: key 'a' was already in line 1; remove one of the two" subset-feats --include=twice.list ark:f ark:z

# Offsets.
for offset in 0 1 5 9; do
  echo "a bin.ark:$offset" >off.scp
  check_fails "offset $offset" 1 'off.scp:1: key .a. from bin.ark:[0-9]+: .*[Mm]ake (both|script and archive) together with ark,scp:' \
    copy-feats scp:off.scp ark:x
done
printf 'u AB CD\n' >t.ark
echo "u t.ark:3" >off.scp
check_fails "the middle of a word" 1 'no value begins at this byte' tokens-to-text units scp:off.scp ark:x
echo "a bin.ark:100000" >off.scp
check_fails "past the end" 1 'past the end of the file' copy-feats scp:off.scp ark:x

# Failures.
printf 'a bin.ark:2\nb none\nc none\n' >some.scp
check_fails "the end names --max-failures" 1 '2 of 3 utterances failed, and --max-failures=0 allows 0: .*--max-failures=2 would let this pass' copy-feats scp:some.scp ark:x
check_fails "as a share" 1 'failed, and --max-failures=50% allows 1' copy-feats --max-failures=50% scp:some.scp ark:x
check_equal "but not where it is kept" "$(copy-feats --max-failures=2 scp:some.scp ark:x 2>&1 | grep -c 'would let this pass')" 0
