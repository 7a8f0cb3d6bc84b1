#!/usr/bin/env bash
# No tool writes two outputs to one place, an output over an input, or reads standard input twice: each pair of places of
# each tool is tried, and refused before anything is opened; so is each output in a folder that is not there.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1

# All places of every tool: @i is an input, @o an output; PRINTS: it prints on standard output as well. The inputs need
# not be good, as nothing is read.
tools='add-deltas ark:@i ark:@o
align-text ark:@i ark:@i ark:@o
add-noise --rirs=scp:@i --utt2rir=ark:@i --noises=scp:@i --utt2noise=ark:@i scp:@i ark:@i ark:@o
apply-cmvn --utt2spk=ark:@i ark:@i ark:@i ark:@o
apply-cmvn-sliding ark:@i ark:@o
arpa-to-fst --read-symbol-table=@i --write-symbol-table=@o @i @o
attention-decode --allowed-words=@i --units=@i --components=ark:@o --stats=@o @i ark:@i ark:@o ark,t:@o
attention-rescore --components=ark:@o --lm-scores=ark:@i --stats=@o @i ark:@i ark:@i ark:@i ark:@o ark,t:@o
augment-feats ark:@i ark:@o
compute-cmvn-stats --spk2utt=ark:@i --weights=ark:@i ark:@i ark:@o
compute-fbank-feats --vtln-map=ark:@i --utt2spk=ark:@i --segments=@i --write-utt2dur=ark,t:@o --stats=@o scp:@i ark:@o
compute-mfcc-feats --vtln-map=ark:@i --utt2spk=ark:@i --segments=@i --write-utt2dur=ark,t:@o --stats=@o scp:@i ark:@o
compute-perplexity --per-utt=@o @i ark:@i ark:@o PRINTS
compute-vad ark:@i ark:@o
compare-feats ark:@i ark:@i
compile-graph --words=@i @i @i @i @o
compute-wer-bootci ark:@i ark:@i ark:@i PRINTS
compute-nce --normalize-map=@i --not-for=ark:@i --fit=@o ark:@i @i PRINTS
compute-wer --normalize-map=@i --utt2spk=@i --utt2label=@i --compare=ark:@i --compare=ark:@i --biased-words=@i --per-utt=@o --ops=@o --per-spk=@o --pra=@o --html=@o --json=@o --bootstrap ark:@i ark:@i PRINTS
concat-feats @i @i @o
copy-feats --write-num-frames=ark,t:@o ark:@i ark:@o
copy-feats-to-htk ark:@i
copy-matrix ark:@i ark:@o
copy-int-vector ark:@i ark:@o
copy-vector ark:@i ark:@o
ctc-align --confidence-map=@i --bpe-model=@i --non-lang-syms=@i --segments=@i --reference=@i --alignment=ark:@o --token-scores=ark:@o --word-scores=ark:@o --stats=@o @i ark:@i ark:@i @o
ctc-decode --allowed-words=@i --units=@i --bpe-model=@i --non-lang-syms=@i --hot-words=@i --lm=@i --graph=@i --words=@i --text=ark:@o --lattice=ark:@o --acoustic-scores=ark:@o --lm-scores=ark:@o --times=ark:@o --partial=ark:@o --stats=@o ark:@i ark:@o ark:@o
extract-feature-segments ark:@i @i ark:@o
extract-segments scp:@i @i ark:@o
feat-stats --json=@o ark:@i
feat-to-dim ark:@i ark:@o
feat-to-len ark:@i ark:@o
lattice-add-penalty ark:@i ark:@o
lattice-best-path --word-symbol-table=@i --text=ark:@o ark:@i ark:@o ark:@o
lattice-copy ark:@i ark:@o
lattice-determinize-pruned ark:@i ark:@o
lattice-lm-rescore --remove=@i --word-symbol-table=@i ark:@i @i ark:@o
lattice-oracle --word-symbol-table=@i ark:@i ark:@i ark:@o ark:@o PRINTS
lattice-prune ark:@i ark:@o
lattice-scale ark:@i ark:@o
lattice-to-ctm-conf --word-symbol-table=@i --confidence-map=@i --segments=@i --bpe-model=@i --non-lang-syms=@i @i ark:@i @o
lattice-to-nbest --tokens=ark:@o --words=ark:@o --scores=ark:@o --lm-scores=ark:@o ark:@i ark:@o
modify-speed scp:@i ark:@o
modify-cmvn-stats 0:1 ark:@i ark:@o
make-ctc-topology @i @o
make-lexicon-fst --lexicon=@i --read-symbol-table=@i --write-symbol-table=@o @i @o
moe-calibrate --tokens=ark:@i @i ark:@i @o PRINTS
moe-convert --feats=ark:@i --tokens=ark:@i --labels=ark:@i @i @i @o
moe-route-stats --labels=ark:@i --labels=ark:@i --tags=ark:@i --tokens=ark:@i --json=@o --plot=@o --per-frame=ark:@o @i ark:@i PRINTS
nnet-average @i @i @o
nnet-copy @i @o
nnet-forward --tags=ark:@i --stats=@o @i ark:@i ark:@o ark:@o
nnet-import --units=@i --cmvn=@i --bpe-model=@i @i @i @o
nnet-info @i PRINTS
nnet-init --units=@i --cmvn=@i --bpe-model=@i --fbank-config=@i @i @o
nnet-quantize @i @o PRINTS
nnet-train --tags=ark:@i --dev-feats=ark:@i --dev-tokens=ark:@i --topology=@i --teacher=@i --route-teacher=@i @i ark:@i ark:@i @o
normalize-text --normalize-map=@i ark:@i ark:@o
paste-feats ark:@i ark:@i ark:@i ark:@o
select-feats 0 ark:@i ark:@o
shift-feats ark:@i ark:@o
subsample-feats ark:@i ark:@o
select-voiced-frames ark:@i ark:@i ark:@o
splice-feats ark:@i ark:@o
subset-feats --include=@i ark:@i ark:@o
text-to-tokens --bpe-model=@i --non-lang-syms=@i @i ark:@i ark:@o
tokens-to-text --bpe-model=@i @i ark:@i ark:@o
transcribe --confidence-map=@i --allowed-words=@i --words=@i --units=@i --fbank-config=@i --bpe-model=@i --non-lang-syms=@i --hot-words=@i --lm=@i --graph=@i --stats=@o @i @i PRINTS
tune-weights --lm-scores=ark:@i --not-for=ark:@i ark:@i ark:@i ark:@i ark:@i @o PRINTS
wav-copy scp:@i ark:@o
wav-to-duration scp:@i ark:@o'
check_equal "every tool is in the list" "$(cut -d' ' -f1 <<<"$tools" | sort | xargs)" \
  "$(cd "$root/bin" && printf '%s\n' *.cc | sed 's/\.cc$//' | sort | xargs)"
# An option that names a file or table says so, else its place is not checked.
check_equal "every option with a place is registered as input or output" "$(cd "$root" && cat bin/*.cc src/*/*.cc |
  tr '\n' ' ' | grep -oE '[.>]Register\( *"[a-z0-9-]+", *&[a-z_0-9.]+, *"(([rw]specifier|PNG file|file)\b|configuration of)[^"]*' |
  grep -v '"config"')" ""

# The command with slots A and B taken by two names, the others by names of their own.
fill() { # A nameA B nameB
  local i word
  filled=()
  for i in "${!words[@]}"; do
    word=${words[i]}
    case $i in "$1") word=${word/@[io]/$2} ;; "$3") word=${word/@[io]/$4} ;; *) word=${word/@[io]/other$i} ;; esac
    filled+=("$word")
  done
}
refused() { # NAME REGEX [STATUS]: by exit status 2, or STATUS, with a message that names both, and with the file as it was
  echo old >same
  rm -rf other*
  local status=0
  "${filled[@]}" <&- >out 2>err || status=$?
  if [ $status -ne "${3:-2}" ] || ! grep -Eq "$2" err || [ "$(cat same)" != old ] || compgen -G 'other*' >/dev/null || [ -s out ]; then
    problems+="$1: status $status: ${filled[*]}: $(tail -n 2 err | head -n 1)"$'\n'
  fi
}
while read -r -a words; do
  tool=${words[0]} inputs=() outputs=() prints='' problems=''
  for i in "${!words[@]}"; do
    case ${words[i]} in *@i) inputs+=("$i") ;; *@o) outputs+=("$i") ;; PRINTS) prints=1 && unset "words[i]" ;; esac
  done
  for a in "${!outputs[@]}"; do
    fill "${outputs[a]}" missing/x -1 none
    refused "no folder" 'ERROR.*missing/x: No such file or directory; does the directory missing exist\?' 1
    for b in "${outputs[@]:a+1}"; do
      fill "${outputs[a]}" same "$b" "$PWD//same"
      refused "two outputs" 'ERROR.*same.* and .*same.* would both be written to '
      fill "${outputs[a]}" - "$b" /dev/stdout
      refused "two outputs" 'ERROR.* and .* would both be written to standard output'
    done
    for b in "${inputs[@]}"; do
      fill "${outputs[a]}" ./same "$b" same
      refused "output over input" 'ERROR.*\./same.* would be written over an input, .*same'
    done
    [ -z "$prints" ] || { fill "${outputs[a]}" - -1 none && refused "printed" 'ERROR.* and the .* would both be written to standard output'; }
  done
  for a in "${!inputs[@]}"; do
    for b in "${inputs[@]:a+1}"; do
      fill "${inputs[a]}" - "$b" /dev/stdin
      refused "two inputs" 'ERROR.*standard input is read twice, by (.*-\)? and .*/dev/stdin|.*/dev/stdin\)? and .*-)'
    done
  done
  check_equal "$tool: ${#outputs[@]} outputs, ${#inputs[@]} inputs${prints:+, prints}" "$problems" ""
done <<<"$tools"

# Spellings, with one tool.
feats() { printf 'a  [\n  1 2 ]\nb  [\n  3 4\n  5 6 ]\n'; }
feats >f
mkdir -p d other_dir
ln -s d dl
ln -s x to_x
ln -s to_x to_to_x
ln -s ../x d/up
echo old >h && ln h h2 && echo old >k && ln -s k to_k
both() { # x y: as two outputs
  copy-feats --write-num-frames="ark,t:$1" ark:f "ark:$2"
}
while read -r x y; do
  check_fails "one place: $x $y" 2 'would both be written to' both "$x" "$y"
  check_fails "one place: $y $x" 2 'would both be written to' both "$y" "$x"
done <<END
x ./x
x $tmp/x
x d/../x
d/x d//x
d/x dl/x
d/x d/./x
x to_x
to_x to_to_x
x d/up
h h2
k to_k
- /dev/stdout
- /dev/fd/1
- /proc/self/fd/1
/dev/stdout /dev/fd/1
END
check_equal "nothing appears" "$(compgen -G '[x]*')$(ls d)" up
check_equal "nothing is lost" "$(cat h h2 k)" "old
old
old"
check_fails "archive and script" 2 'the archive of argument 2 .* and the script of argument 2 .* would both' copy-feats ark:f ark,scp:./q,q
check_fails "archive and script by a link" 2 'would both be written' copy-feats ark:f ark,scp:to_x,x
check_fails "a script and a table" 2 'the script of argument 2 .* and --write-num-frames' \
  copy-feats --write-num-frames=ark,t:./y ark:f ark,scp:x,y
check_fails "a table and a file" 2 'argument 2 \(ark:x\) and --stats=x' \
  ctc-decode --stats=x ark:f ark:x
check_fails "standard output into the file that is an output" 2 'would both be written' bash -c 'copy-feats --write-num-frames=ark,t:- ark:f ark:out >out'
check "/dev/null takes anything" both /dev/null /dev/null
check "a pipe has no place" bash -c 'copy-feats --write-num-frames="ark,t:| cat >n1" ark:f "ark:| cat >n2"'
check "one file read twice" paste-feats ark:f ark:f ark:x
rm -f x
mkfifo fifo
check_fails "a named pipe read twice" 2 'the pipe .*fifo is read twice, by' paste-feats ark:fifo ark:./fifo ark:x
check_fails "a named pipe written twice" 2 'would both be written' both fifo ./fifo
check_fails "a named pipe to itself" 2 'would be written over an input' copy-feats ark:fifo ark:fifo
for stdin in - /dev/stdin /dev/fd/0 /proc/self/fd/0; do
  check_fails "standard input as $stdin and -" 2 'standard input is read twice' bash -c "paste-feats ark:- ark:$stdin ark:x <f"
done
printf 'length-tolerance=1\n' >conf
check_fails "a configuration on standard input" 2 'standard input is read twice, .*--config=/dev/stdin' \
  bash -c 'paste-feats --config=/dev/stdin ark:f ark:- ark:x <conf'
check_fails "a configuration is an input" 2 'would be written over an input, --config=conf' paste-feats --config=conf ark:f ark:f ark:conf
check_equal "it is still there" "$(cat conf)" length-tolerance=1
for over in f ./f "$tmp/f" d/../f; do
  check_fails "over the input as $over" 2 'would be written over an input' copy-feats ark:f "ark:$over"
done
ln f f_hard && ln -s f f_soft
check_fails "over the input by a hard link" 2 'would be written over an input' copy-feats ark:f ark:f_hard
check_fails "over the input by a link" 2 'would be written over an input' copy-feats ark:f_soft ark:f
check_fails "over standard input's file" 2 'would be written over an input' bash -c 'copy-feats ark:- ark:f <f'
check_fails "over an input by its offset" 2 'would be written over an input' concat-feats f:2 f:2 f
check_equal "the input is whole" "$(cat f)" "$(feats)"

# What is known only while a tool runs.
copy-feats ark:f ark,scp:raw.ark,raw.scp 2>/dev/null
cp raw.ark raw.was
for tool in "copy-feats scp:raw.scp ark:raw.ark" "copy-feats scp,p:raw.scp ark,scp:./raw.ark,new.scp" "copy-feats scp,bg:raw.scp ark:raw.ark" \
  "paste-feats ark:f scp:raw.scp ark:raw.ark" "paste-feats ark:f scp,p:raw.scp ark:raw.ark" "feat-stats --max-failures=9 --json=raw.ark scp:raw.scp"; do
  # shellcheck disable=SC2086
  check_fails "values in an output: $tool" 2 'raw.ark.* would be written over an input, raw.ark' $tool
  check "nothing is lost" cmp raw.ark raw.was
done
check_equal "nothing half-written" "$(compgen -G '*new*'; compgen -G '.*tmp*')" ""
printf 'a o1\nb ./o1\n' >out.scp
check_fails "two lines of an output script" 2 "out.scp:1 \(key 'a'\) and out.scp:2 \(key 'b'\) would both" copy-feats ark:f scp:out.scp
printf 'a o1\nb f\n' >out.scp
check_fails "a line of an output script is an input" 2 "out.scp:2 \(key 'b'\) would be written over" copy-feats ark:f scp:out.scp
printf 'a o1\nb o2\n' >out.scp
check_fails "a line of an output script is another output" 2 "would both be written to .*o1" copy-feats --write-num-frames=ark:o1 ark:f scp:out.scp
check_equal "nothing appears" "$(compgen -G 'o[12]')" ""
check_equal "the input is whole" "$(cat f)" "$(feats)"
check "an output script whose lines differ" copy-feats ark:f scp:out.scp
check_equal "its files" "$(compgen -G 'o[12]' | xargs)" "o1 o2"
# Each file of an output script is complete before the next value is read.
feats >m1 && copy-feats ark:f scp:out.scp 2>/dev/null && cp o2 o2.was
printf 'a o1\nb o2\n' >in.scp && ln -s o2 o2_soft
for over in o2 ./o2 d/../o2 o2_soft; do
  printf 'a %s\nb o3\n' "$over" >out.scp
  check_fails "a file that a later line reads, as $over" 2 "out.scp:1 \(key 'a'\) would be written over an input, o2 of in.scp:2" copy-feats scp:in.scp scp:out.scp
done
check_fails "of another tool, as an offset" 2 "would be written over an input, o2:0 of in2.scp:1" bash -c 'echo "b o2:0" >in2.scp; copy-matrix scp:in2.scp scp:out.scp'
check "it is still there" cmp o2 o2.was
printf 'a o3\nb o4\n' >out.scp
check "a script to a script" copy-feats scp:in.scp scp:out.scp
for stream in /dev/stdout /dev/fd/1 /proc/self/fd/1 ./fifo; do
  check_fails "a script of a stream, $stream" 2 'script lines cannot point into a stream' copy-feats ark:f "ark,scp:$stream,o5.scp"
done
# A name with an offset is a place within a file, for whoever reads it.
check_fails "the script of an archive as outputs" 2 "raw.scp:1: the output name 'raw.ark:[0-9]+' ends in ':' and digits" copy-feats ark:f scp:raw.scp
for name in ark:o5:12 ark,scp:o5:1,o5.scp ark,t,scp:o5,o5:2; do
  check_fails "an offset in an output, $name" 2 "the output name 'o5:[0-9]+' ends in ':' and digits" copy-feats ark:f "$name"
done
check_fails "in a report" 2 "the output name 'o5:7' ends" feat-stats --json=o5:7 ark:f
check_equal "nothing appears" "$(compgen -G 'o5*'; compgen -G 'raw.ark:*')" ""
printf 'a -\nb -\n' >in.scp
check_fails "two lines that are standard input" 2 'standard input is read twice' bash -c 'copy-feats scp:in.scp ark:x <o1'
check_fails "a line of a script on standard input" 2 'standard input is read twice' bash -c 'copy-feats scp:- ark:x <in.scp'
check_fails "a sweep's files" 2 'would both be written to .*h.0.5' attention-rescore --sweep-ctc-weights=0,0.5 --sweep-reverse-weights=0.5 \
  m ark:e ark:n ark:s 'ark:h.{ctc}' 'ark:h.{reverse}'
check_fails "a sweep's file over an input" 2 'would be written over an input, .*h.0.5' attention-rescore --sweep-ctc-weights=0,0.5 \
  m ark:e ark:n ark:h.0.5 'ark:h.{ctc}'
check_fails "training: the result is a checkpoint" 2 "exp-dir's epoch-2.safetensors would both|and --exp-dir's epoch-2.safetensors" \
  nnet-train --epochs=2 --exp-dir=e init ark:f ark:t e/epoch-2.safetensors
check_fails "training: a checkpoint is the start" 2 "epoch-2.safetensors would be written over an input" \
  nnet-train --epochs=2 --exp-dir=e e/../e/epoch-2.safetensors ark:f ark:t m
check_fails "a printed table into the file that is an output" 2 'the table of statistics' bash -c 'feat-stats --json=out ark:f >out'
cp f f_was
check_fails "what is printed, appended to the input" 2 'the description would be written over an input' bash -c 'nnet-info f >>f'
check "the input is whole" cmp f f_was
check "statistics as JSON alone" bash -c 'feat-stats --json=/dev/stdout ark:f | python3 -m json.tool >/dev/null'

# The scripts in Python.
if ! command -v python3 >/dev/null; then
  skip "scripts" "no python3"
  exit 0
fi
script() { local name=$1; shift; "$root/utils/$name" "$@"; }
printf 'a s\nb s\nc t\nd t\n' >t && cp t t.was && ln -s t t_soft && ln t t_hard && echo '{}' >stats.json && cp stats.json stats.was
while read -r name words; do
  # shellcheck disable=SC2086
  check_fails "$name $words" 2 "error: .*(would be written twice|is read and written)" script "$name" $words
done <<END
split_scp.pl t p p
split_scp.pl t p ./p
split_scp.pl t p $tmp/d/../p
split_scp.pl t t p
split_scp.pl t p t_soft
split_scp.pl t_soft t_hard p
split_scp.pl --utt2spk=t f p ./t
split_scp.pl -j 2 1 t t
rtf-report --json=stats.json a=stats.json
rtf-report --json=./stats.json a=f,$tmp/stats.json
END
for command in 'split_scp.pl -j 2 0 t' 'filter_scp.pl t t' 'filter_scp.pl f t' 'utt2spk_to_spk2utt.pl t' 'spk2utt_to_utt2spk.pl t' 'sym2int.pl t f' \
  'make_units.py t' 'int2sym.pl f t_soft'; do
  check_fails "appended to its input: $command" 2 'standard output is read and written' bash -c "'$root/utils/'$command >>t"
done
check "the inputs are whole" bash -c 'cmp t t.was && cmp stats.json stats.was && [ ! -e p ]'
for command in 'filter_scp.pl /dev/stdin' 'filter_scp.pl /dev/fd/0 /dev/stdin' 'sym2int.pl /dev/stdin' 'int2sym.pl /proc/self/fd/0 /dev/stdin'; do
  check_fails "standard input twice: $command" 2 'is read twice; put one of the two into a file' bash -c "cat t | '$root/utils/'$command"
done
check_equal "once is enough" "$(cut -d' ' -f1 t | script filter_scp.pl /dev/stdin t | cmp - t && script split_scp.pl t p1 p2 && cat p1 p2 | cmp - t && echo good)" good
