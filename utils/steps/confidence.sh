#!/usr/bin/env bash
# What the confidences of recognised words are worth, before and after a map that is fitted on dev: normalised cross
# entropy, of two kinds of confidence. Prints a table.
#
# Usage: confidence.sh [options] <dump-dir> <data-dir> <set> <model-dir>
#   e.g. confidence.sh --graphs exp/moe/777/words/test/graph dump data test exp/moe/777
#   --graphs DIR         where words.sh or word_graph.sh left DIR/all/{TLG.fst,words.txt}, or DIR/<label> for the
#                        utterances of each label of <data-dir>/<set>/utt2lang; searches in them are left out without,
#                        and the utterances of a label without a graph are left out of these searches
#   --chunks -1          chunk sizes in encoder frames; -1 sees the whole utterance
#   --beam 10            of the prefix beam search
#   --dev dev            where the maps are fitted
#   --acoustic-scale "", --length-penalty ""   of the search in the graph, and of its lattices; default: those that
#                        words.sh chose on dev for the graph and the chunk size, else 1 and 0
#   --normalize none, --normalize-map ""   what is done to both sides before they are judged, as in compute-nce
#   --threads 1, --max-failures 0   of each tool
#
# Words and confidences:
#   prefix, ctc     the prefix beam's; what CTC gives the word at its time (ctc-align)
#   graph, ctc      the graph's; the same
#   graph, lattice  the graph's; the posterior of the word in the lattice (lattice-to-ctm-conf)
# Writes <model-dir>/confidence/<set>/<chunk>/<search>.<kind>.{conf,raw.ctm,ctm,nce}: the map, words before and after
# it, and the report of compute-nce on them; and <model-dir>/confidence/<set>/table.txt.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
graphs=
chunks=-1
beam=10
dev=dev
acoustic_scale=
length_penalty=
normalize=none
normalize_map=
threads=1
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 4 ]] || usage_error "a dump folder, a data folder, a set and a model folder are needed"
dump=${args[0]} data=${args[1]} set=${args[2]} exp=${args[3]}
model=$exp/final.safetensors
[[ $dev != "$set" ]] || usage_error "maps are fitted on --dev, which is not what is reported"
need_file "$model" "train it first (--stage 3)"
for s in "$dev" "$set"; do need_file "$dump/$s/feats.scp" "make the features first (--stage 2)"; done
export OPENBLAS_NUM_THREADS=$threads
tolerance=--max-failures=$max_failures
top=$exp/confidence/$set
rm -rf "$top"
mkdir -p "$top/log"
norm=(--normalize="$normalize" --normalize-map="$normalize_map")
quietly() { # <log> <command>...
  logged "$top/log/$1" "${@:2}"
}

# The parts of a set that have a graph of their own.
parts=
if [[ -n $graphs && -e $graphs/all ]]; then
  parts=all
elif [[ -n $graphs ]]; then
  for s in "$dev" "$set"; do need_file "$data/$s/utt2lang" "it says which graph of $graphs is an utterance's"; done
  parts=$(cut -d ' ' -f 2 "$data/$set/utt2lang" "$data/$dev/utt2lang" | sort -u)
fi
all_parts=$parts
parts=
for part in $all_parts; do
  if [[ -e $graphs/$part/TLG.fst ]]; then
    parts+=" $part"
  else
    say "no graph $graphs/$part/TLG.fst, which words.sh and word_graph.sh make: its utterances are left out of searches in graphs"
  fi
done
chosen() { # <chunk> <option> <default>: what words.sh has noted
  local note=$graphs/../$1/wfst.note found=
  if [[ -e $note ]]; then found=$(sed -n "s/.*\\<$2=\\([^ ;]*\\).*/\\1/p" "$note"); fi
  echo "${found:-$3}"
}

# The words of a search as <dir>/<name>, token ids, with the confidences of CTC as <name>.ctc.
by_ctc() { # <dir> <name> [--confidence-map=...]
  cut -d ' ' -f 1 "$1/$2.tokens" > "$1/utts" # without those whose label has no graph
  # Seven decimals: compute-nce takes confidences within 1e-7 of 0 and 1 as they are.
  quietly align ctc-align "$tolerance" --threads="$threads" --confidence-digits=7 --tokens "${@:3}" "$model" \
    "ark:subset-feats --print-args=false --include=$(shell_word "$1/utts") $(shell_word "ark:$1/logp.ark") ark:- |" "ark,t:$1/$2.tokens" -
}
by_lattice() { # <dir> [--confidence-map=...]
  local part
  for part in $parts; do
    if [[ ! -e $1/$part.lat ]]; then continue; fi
    quietly lattice lattice-to-ctm-conf "$tolerance" --confidence-digits=7 --acoustic-scale="$scale" "${@:2}" \
      --word-symbol-table="$graphs/$part/words.txt" "$model" "ark:$1/$part.lat" -
  done
}
searches() { # <set> <chunk> <dir>: log-posteriors, tokens and lattices
  local part logp streaming=false
  if (($2 > 0)); then streaming=true; fi
  mkdir -p "$3"
  quietly encode nnet-forward --chunk-size="$2" --num-left-chunks=-1 --streaming=$streaming --threads="$threads" "$tolerance" \
    "$model" "scp:$dump/$1/feats.scp" "ark:$3/logp.ark"
  quietly prefix ctc-decode "$tolerance" --threads="$threads" --method=prefix-beam --beam="$beam" "ark:$3/logp.ark" "ark,t:$3/prefix.tokens"
  if [[ -n $parts ]]; then : > "$3/graph.tokens"; fi
  for part in $parts; do
    logp=ark:$3/logp.ark
    if [[ $part != all ]]; then
      awk -v part="$part" '$2 == part { print $1 }' "$data/$1/utt2lang" > "$3/utts"
      if [[ ! -s $3/utts ]]; then continue; fi
      logp="ark:subset-feats --print-args=false --include=$(shell_word "$3/utts") $(shell_word "$logp") ark:- |"
    fi
    quietly "graph" ctc-decode "$tolerance" --threads="$threads" --method=wfst --graph="$graphs/$part/TLG.fst" \
      --acoustic-scale="$scale" --length-penalty="$penalty" --lattice="ark:$3/$part.lat" "$logp" "ark,t:$3/part.tokens"
    cat "$3/part.tokens" >> "$3/graph.tokens"
  done
  rm -f "$3/utts" "$3/part.tokens"
}
judge() { # <ctm> [<option>...]
  local ctm=$1
  shift
  quietly nce compute-nce "${norm[@]}" "$@" "$ctm"
}
figure() { sed -n 's/^NCE \([^ ]*\) of .*/\1/p' "$1"; }

printf '%-6s  %-7s  %-8s  %7s  %7s  %7s  %7s  %s\n' chunk search kind words 'WER %' 'NCE raw' mapped 'map: slope, offset' > "$top/table.txt"
for chunk in $chunks; do
  dir=$top/$chunk on_dev=$top/$chunk/dev
  scale=${acoustic_scale:-$(chosen "$chunk" acoustic-scale 1)}
  penalty=${length_penalty:-$(chosen "$chunk" length-penalty 0)}
  searches "$dev" "$chunk" "$on_dev"
  searches "$set" "$chunk" "$dir"
  for name in prefix.ctc graph.ctc graph.lattice; do
    search=${name%.*} kind=${name#*.} whom=all
    if [[ $search == graph && $(wc -w <<< "$parts") -lt $(wc -w <<< "$all_parts") ]]; then whom=present; fi
    if [[ ! -e $dir/$search.tokens ]]; then continue; fi
    timed() { # <dir> [--confidence-map=...]
      if [[ $kind == lattice ]]; then by_lattice "$@"; else by_ctc "$1" "$search" "${@:2}"; fi
    }
    timed "$on_dev" > "$on_dev/$name.ctm"
    judge "$on_dev/$name.ctm" --fit="$dir/$name.conf" --not-for="ark:$data/$set/text" "ark:$data/$dev/text" > "$dir/$name.fit"
    timed "$dir" > "$dir/$name.raw.ctm"
    timed "$dir" --confidence-map="$dir/$name.conf" > "$dir/$name.ctm"
    judge "$dir/$name.raw.ctm" "ark:$data/$set/text" > "$dir/$name.raw.nce"
    judge "$dir/$name.ctm" "ark:$data/$set/text" > "$dir/$name.nce"
    quietly text tokens-to-text "$tolerance" "$model" "ark,t:$dir/$search.tokens" "ark,t:$dir/$search.text"
    quietly score compute-wer --mode=$whom "${norm[@]}" "ark:$data/$set/text" "ark,t:$dir/$search.text" > "$dir/$search.wer"
    printf '%-6s  %-7s  %-8s  %7d  %7s  %7s  %7s  %s\n' "$chunk" "$search" "$kind" "$(wc -l < "$dir/$name.ctm")" \
      "$(sed -n 's/^%WER \([^ ]*\) .*/\1/p' "$dir/$search.wer")" "$(figure "$dir/$name.raw.nce")" "$(figure "$dir/$name.nce")" \
      "$(sed -n 's/^confidence-\(slope\|offset\)=//p' "$dir/$name.conf" | awk '{ printf "%s%.3f", (NR > 1 ? ", " : ""), $1 }')" >> "$top/table.txt"
  done
  rm -rf "$on_dev" "$dir/logp.ark" "$dir/utts" "$dir"/*.lat
done
cat "$top/table.txt"
