#!/usr/bin/env bash
# copy-feats and, through it, what all tools owe to the tables: pipes, full disks, locales, odd names.
. "$(dirname "$0")/../support/cli.sh"

cat >"$tmp/feats.txt" <<'EOF'
utt-a  [
  1 2.5 -3 
  0.1 1e-30 4 ]
utt-b  [ ]
utt-ü  [
  7 8 9 ]
EOF
text=$tmp/feats.txt

# Formats
check "text to binary with script" copy-feats "ark:$text" "ark,scp:$tmp/f.ark,$tmp/f.scp"
check "binary back to text" copy-feats "ark:$tmp/f.ark" "ark,t:$tmp/back.txt"
check "text is the same again" cmp "$text" "$tmp/back.txt"
check "through the script" copy-feats "scp:$tmp/f.scp" "ark,t:$tmp/back.txt"
check "text is the same through the script" cmp "$text" "$tmp/back.txt"
check_equal "script lines" "$(cut -d: -f2 "$tmp/f.scp" | tr '\n' ' ')" "6 51 73 "
check "number of frames" copy-feats --write-num-frames="ark,t:$tmp/n" "ark:$text" ark:/dev/null
check_equal "number of frames, values" "$(tr '\n' ';' <"$tmp/n")" "utt-a 2 ;utt-b 0 ;utt-ü 1 ;"
check "script of single files" copy-feats "ark:$text" "scp:printf 'utt-a $tmp/a.mat\nutt-b $tmp/b.mat\nutt-ü | cat > $tmp/c.mat\n' |"
check "one file to one file" copy-feats --binary=false "$tmp/c.mat" "$tmp/c.txt"
check_equal "one file, value" "$(tr -d '\n ' <"$tmp/c.txt")" "[789]"

# Compressed: tests/cli/interop.sh compares the bytes with kaldi_native_io.
awk 'BEGIN { print "u ["; for (i = 0; i < 100; ++i) print i / 10, -i, 5; print "]" }' >"$tmp/slope.txt"
check "compress" copy-feats --compress "ark:$tmp/slope.txt" "ark,scp:$tmp/c.ark,$tmp/c.scp"
check_equal "compressed size" "$(wc -c <"$tmp/c.ark")" $((2 + 2 + 3 + 16 + 3 * 8 + 300))
check "compressed is read" copy-feats "scp:$tmp/c.scp" "ark,t:$tmp/c.txt"
largest_error() { paste <(grep -v '\[' "$1") <(grep -v '\[' "$2") | awk '{ for (i = 1; i <= 3; ++i) { d = $i - $(i + 3); if (d < 0) d = -d; if (d > m) m = d } } END { print (m < '"$3"') ? "small" : m }'; }
tr -d ']' <"$tmp/c.txt" >"$tmp/c.plain"
tr -d ']' <"$tmp/slope.txt" | grep . >"$tmp/slope.plain"
check_equal "compressed values" "$(largest_error "$tmp/slope.plain" "$tmp/c.plain" 0.5)" small
for method in 3 4 5; do
  check "method $method" copy-feats --compress=true --compression-method=$method "ark:$tmp/slope.txt" "ark:$tmp/m$method.ark"
done
check_equal "methods' types" "$(head -c 8 -q "$tmp/m3.ark" "$tmp/m4.ark" "$tmp/m5.ark" | tr -d '\0')" "u BCM2 u BCM2 u BCM3 "
check "method 4 keeps integers" copy-feats "ark:$tmp/m4.ark" "ark,t:$tmp/m4.txt"
check_equal "method 4, a row" "$(sed -n 42p "$tmp/m4.txt")" "  4 -40 5 "
check "one compressed file" copy-feats --compress "$tmp/a.mat" "$tmp/a.cmat"
check_equal "one compressed file, type" "$(head -c 5 "$tmp/a.cmat" | tr -d '\0')" BCM2
check_fails "compression of NaN" 1 "utterance n: .*row 1, column 0 is NaN" copy-feats --compress "ark:printf 'n [ 1\nnan ]\nm [ 1 ]\n' |" "ark:$tmp/nan.ark"
check_equal "the entry after NaN is kept" "$(copy-feats "ark:$tmp/nan.ark" ark,t:- 2>/dev/null | head -n 1)" "m  ["
check_fails "compression of infinity" 1 "cannot be compressed over that interval" copy-feats --compress "ark:echo 'n [ 1 inf ]' |" ark:-
check_fails "no such method" 2 "there are the methods 1 to 7" copy-feats --compress --compression-method=8 "ark:$text" ark:-

# Other toolkits' files
printf '\0\0\0\2\0\1\206\240\0\4\0\11\77\200\0\0\100\0\0\0' >"$tmp/x.htk"
check_equal "HTK file" "$(copy-feats --htk-in --binary=false "$tmp/x.htk" - 2>/dev/null | tr -d '\n')" " [  1   2 ]"
echo "h $tmp/x.htk" >"$tmp/htk.scp"
check_equal "HTK table" "$(copy-feats --htk-in "scp:$tmp/htk.scp" ark,t:- 2>/dev/null | tr -d '\n')" "h  [  1   2 ]"
{ printf '\0\0\0\15'; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do printf '\77\200\0\0'; done; } >"$tmp/x.sphinx"
check_equal "Sphinx file" "$(copy-feats --sphinx-in --binary=false "$tmp/x.sphinx" - 2>/dev/null | tr -d ' \n')" "[1111111111111]"
check_fails "HTK and Sphinx" 2 "exclude one another" copy-feats --htk-in --sphinx-in "$tmp/x.htk" -

# Ranges, read-ahead, gzip
printf 'r1 %s[1:1]\nr2 %s[:,1:]\n' "$tmp/f.ark:6" "$tmp/f.ark:6" >"$tmp/ranges.scp"
check_equal "ranges" "$(copy-feats "scp:$tmp/ranges.scp" ark,t:- 2>/dev/null | tr -s ' \n' ' ')" "r1 [ 0.1 1e-30 4 ] r2 [ 2.5 -3 1e-30 4 ] "
check "read ahead" copy-feats "ark,bg:$tmp/f.ark" "ark,t:$tmp/back.txt"
check "read ahead, value" cmp "$text" "$tmp/back.txt"
check "gzip" copy-feats "ark:$text" "ark:| gzip -c >'$tmp/f f.gz'"
check "gunzip" copy-feats "ark:gunzip -c '$tmp/f f.gz'|" "ark,t:$tmp/back.txt"
check "gzip, value" cmp "$text" "$tmp/back.txt"
head -c 60 "$tmp/f f.gz" >"$tmp/cut.gz"
check_fails "a gzip file cut short" 1 "command 'gunzip -c .*cut.gz' ended with exit status 1" copy-feats "ark:gunzip -c $tmp/cut.gz |" "ark:$tmp/never.ark"
check_fails "a command of one file fails" 1 "ended with exit status 3" copy-feats "cat $tmp/a.mat; exit 3 |" "$tmp/never.mat"
(cd "$tmp" && copy-feats "ark:$text" ark,scp,t,f:rel.ark,rel.scp 2>/dev/null && copy-feats scp:rel.scp ark,t:rel.txt 2>/dev/null)
check "relative names, text, flushed" cmp "$text" "$tmp/rel.txt"
check_equal "relative names, script" "$(head -n 1 "$tmp/rel.scp")" "utt-a rel.ark:6"

# Pipes and '-'
pipe() { bash -o pipefail -c "$1"; }
check "stdin and stdout" pipe "copy-feats ark:- ark:- <'$text' | copy-feats ark:- ark,t:- | cmp - '$text'"
check "commands both ways" copy-feats "ark:cat '$text' |" "ark,t:| cat > '$tmp/piped'"
check "commands both ways, value" cmp "$text" "$tmp/piped"
check_equal "stdout holds data only" "$(copy-feats "ark:$text" ark,t:- 2>/dev/null)" "$(cat "$text")"
check_fails "input command fails" 1 "command 'cat .*; exit 9' ended with exit status 9" \
  copy-feats "ark:cat '$text'; exit 9 |" "ark:$tmp/never.ark"
check_equal "no output after a failed command" "$(find "$tmp" -name '*never*' | wc -l)" 0
check_fails "input command is missing" 1 "status 127 \(command not found\)" copy-feats "ark:no-such-tool |" ark:-
check_fails "command for one file fails after it" 1 "the command 'cat .*' ended with exit status 9" \
  copy-feats "cat $tmp/c.mat; exit 9 |" "$tmp/never.mat"
check_fails "command for one file fails before it" 1 "end of the file.*the command 'exit 9' ended with exit status 9" \
  copy-feats "exit 9 |" "$tmp/never.mat"
check_fails "output command fails" 1 "ended with exit status 4" copy-feats "ark:$text" "ark:| cat >/dev/null; exit 4"
awk 'BEGIN { for (i = 10000; i < 13000; ++i) { printf "u%d  [", i; for (j = 0; j < 20; ++j) printf " %d", j; print " ]" } }' >"$tmp/many.txt"
closed_pipe() { copy-feats "ark:$tmp/many.txt" ark,t:- | head -n 1 >/dev/null; return "${PIPESTATUS[0]}"; }
check_fails "closed stdout" 1 "cannot write -: Broken pipe" closed_pipe
cut_input() { copy-feats "ark:copy-feats ark:$tmp/many.txt ark:- |" ark:- | copy-feats ark,t:- ark,t:- | grep -c '^u'; }
check_equal "long pipeline" "$(cut_input 2>/dev/null)" 3000
closed_stdout() { copy-feats "ark:$text" ark,t:- >&-; }
check_fails "no stdout at all" 1 "cannot write -: Bad file descriptor" closed_stdout

# Names
mkdir "$tmp/a b"
check "path with spaces" copy-feats "ark:$text" "ark,scp:$tmp/a b/f f.ark,$tmp/a b/f f.scp"
check "path with spaces is read" copy-feats "scp:$tmp/a b/f f.scp" "ark,t:$tmp/a b/back"
check "path with spaces, value" cmp "$text" "$tmp/a b/back"
check "a file that will be replaced" pipe "cp '$tmp/f.ark' '$tmp/was.ark'; copy-feats 'ark:$tmp/was.ark' 'ark,scp:$tmp/f.ark,$tmp/f.scp'"
check "replaced file is whole" pipe "copy-feats scp:$tmp/f.scp ark,t:- | cmp - '$text'"
check_fails "the file it reads" 2 "would be written over an input" copy-feats "ark:$tmp/f.ark" "ark,scp:$tmp/f.ark,$tmp/f.scp"
check_fails "no such directory" 1 "does the directory $tmp/none exist" copy-feats "ark:$text" "ark:$tmp/none/x.ark"
check_fails "no such file" 1 "cannot open $tmp/none: No such file" copy-feats "ark:$tmp/none" ark:-
check_fails "a plain name where a table belongs" 2 "give two tables or two files" copy-feats "ark:$text" "$tmp/x"
check_fails "unknown table option" 2 "unknown option 'x' in the rspecifier" copy-feats "ark,x:$text" ark:-

# Bad contents
check_fails "empty input" 1 "no utterances in the input" copy-feats ark:/dev/null ark:-
head -c 40 "$tmp/f.ark" >"$tmp/cut.ark"
check_fails "truncated archive" 1 "cut.ark: key 'utt-a' at byte 0: the data end after 19 of 24 bytes; the file is truncated" \
  copy-feats "ark:$tmp/cut.ark" "ark:$tmp/never.ark"
check_equal "no output from a truncated archive" "$(find "$tmp" -name '*never*' | wc -l)" 0
check "permissive: the rest is absent" copy-feats "ark,p:cat $tmp/f.ark $tmp/cut.ark |" ark:/dev/null
check_fails "permissive: and named" 0 "WARNING.*key 'utt-a' at byte [0-9]+: .*truncated.*left out, as option p" \
  copy-feats "ark,p:cat $tmp/f.ark $tmp/cut.ark |" ark:/dev/null
{ cat "$text"; echo "bad  [ 1 x ]"; echo "utt-z  [ 1 2 3 ]"; } >"$tmp/bad.txt"
check_fails "bad entry is named" 1 "utterance bad: .*bad.txt: key 'bad' at byte [0-9]+: 'x' in row 0" \
  copy-feats "ark:$tmp/bad.txt" "ark,t:$tmp/rest.txt"
check_equal "the entry after it is kept" "$(tail -n 1 "$tmp/rest.txt")" "  1 2 3 ]"
check "bad entry within --max-failures" copy-feats --max-failures=1 "ark:$tmp/bad.txt" ark:/dev/null
sed 's/:[0-9]*$//' "$tmp/f.scp" >"$tmp/no-offset.scp"
check_fails "script without offsets" 1 "the file is an archive, so the line needs an offset" copy-feats "scp:$tmp/no-offset.scp" ark:-
echo "utt-a $tmp/gone.ark:12" >"$tmp/gone.scp"
check_fails "script to a missing archive" 1 "gone.scp:1: key 'utt-a' from .*gone.ark:12: cannot open" copy-feats "scp:$tmp/gone.scp" ark:-
check_fails "script read as archive" 1 "write scp: instead of ark:" copy-feats "ark:$tmp/f.scp" ark:-
check_fails "archive read as script" 1 "write ark: instead of scp:" copy-feats "scp:$tmp/f.ark" ark:-
{ cat "$tmp/f.scp"; echo "lost $tmp/gone.ark:12"; } >"$tmp/lost.scp"
check_fails "permissive script: what is left out is named" 0 "WARNING.*lost.scp:4: key 'lost' .*left out, as option p" \
  copy-feats "scp,p:$tmp/lost.scp" ark:/dev/null
check_fails "archive read as one file" 1 "f.ark: an archive where a file with one value is expected; write ark:" \
  copy-feats "$tmp/f.ark" "$tmp/never.mat"
check_fails "unsorted with option s" 1 "key 'a' at byte [0-9]+: comes after 'b'" copy-feats "ark,s:printf 'b [ 1 ]\na [ 1 ]\n' |" ark:-

# Other locales: numbers keep their point.
if have_german; then
  check "German locale" german copy-feats "ark:$text" "ark,t:$tmp/german.txt"
  check "German locale, value" cmp "$text" "$tmp/german.txt"
else
  skip "German locale" "localedef cannot make de_DE.UTF-8 (package locales)"
fi
check "unknown locale" env LC_ALL=xx_XX copy-feats "ark:$text" ark:/dev/null

# Full disk: nothing under the final name, nothing temporary left.
full_disk() { # runs in its own mount namespace
  mount -t tmpfs -o size=64k tmpfs "$1" || return 77
  local status=0
  copy-feats "ark:$2" "ark,scp:$1/f.ark,$1/f.scp" || status=$?
  [ -z "$(ls -A "$1")" ] || { echo "left behind: $(ls -A "$1")" >&2; return 99; }
  return "$status"
}
export -f full_disk
mkdir "$tmp/small"
if unshare -rm bash -c "mount -t tmpfs -o size=64k tmpfs '$tmp/small'" 2>/dev/null; then
  check_fails "full disk" 1 "cannot write .*/f.ark: No space left on device" \
    unshare -rm bash -c "full_disk '$tmp/small' '$tmp/many.txt'"
else
  skip "full disk" "no tmpfs can be mounted here"
fi
if [ -w /dev/full ]; then
  check_fails "full device" 1 "No space left on device" copy-feats "ark:$text" ark:/dev/full
  full_stdout() { copy-feats "ark:$text" ark:- >/dev/full; }
  check_fails "full stdout" 1 "cannot write -: No space left on device" full_stdout
else
  skip "full device" "no /dev/full"
fi
check_equal "no temporary files are left" "$(find "$tmp" -name '*.tmp-*' | wc -l)" 0
