#!/usr/bin/env bash
# Word error rates with language models, graphs and hot words beside their controls: the same search without them, and
# with a beam five times as large. Weights are chosen on dev. Prints a table.
#
# Usage: words.sh [options] <dump-dir> <data-dir> <set> <model-dir>
#   e.g. words.sh --lm exp/lm/lm.arpa --hot-words exp/lm/hot_words.test dump data test exp/moe/777
#   --lm FILE            an n-gram model over words (ARPA); fusion, graph and rescoring with it are left out without
#   --lms DIR            instead of --lm: DIR/<label>.arpa for the utterances of each label of <data-dir>/<set>/utt2lang
#   --hot-words FILE     phrases, one per line; searches with them are left out without
#   --chunks "-1 16"     chunk sizes in encoder frames; -1 sees the whole utterance
#   --beam 10            of all searches but the control
#   --dev dev            where weights are chosen
#   --lm-weights "0.4 0.7 0.2 1 0.1", --length-bonuses "0 0.5 1"   tried in fusion
#   --graph-scales "1 2 4", --graph-penalties "0 -1"   --acoustic-scale and --length-penalty tried in the graph
#                        of those with as few errors on dev the one that stands first: the tools' defaults, or what is near
#   --max-states 20000000   of a graph: a larger one is left out; its label is searched by fusion instead, which the table notes
#   --normalize none, --normalize-map ""   what is done to both sides before they are scored, as in compute-wer
#   --threads 1, --max-failures 0   of each tool
#
# Writes <model-dir>/words/<set>/<chunk>/<search>.{text,wer,wer.json}, <search>.note, what was chosen, and
# <model-dir>/words/<set>/table.{txt,json}.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
lm=
lms=
hot_words=
chunks="-1 16"
beam=10
dev=dev
lm_weights="0.4 0.7 0.2 1 0.1"
length_bonuses="0 0.5 1"
graph_scales="1 2 4"
graph_penalties="0 -1"
max_states=20000000
normalize=none
normalize_map=
threads=1
max_failures=0
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 4 ]] || usage_error "a dump folder, a data folder, a set and a model folder are needed"
dump=${args[0]} data=${args[1]} set=${args[2]} exp=${args[3]}
model=$exp/final.safetensors
[[ -z $lm || -z $lms ]] || usage_error "give --lm or --lms"
[[ $dev != "$set" ]] || usage_error "weights are chosen on --dev, which is not what is reported"
need_file "$model" "train it first (--stage 3)"
for s in "$dev" "$set"; do need_file "$dump/$s/feats.scp" "make the features first (--stage 2)"; done
if [[ -n $lm ]]; then need_file "$lm" "train it first"; fi
if [[ -n $hot_words ]]; then need_file "$hot_words" "make it first"; fi
export OPENBLAS_NUM_THREADS=$threads
tolerance=--max-failures=$max_failures
mode=$([[ $max_failures == 0 ]] && echo strict || echo all)
top=$exp/words/$set
rm -rf "$top"
mkdir -p "$top/log"
units=$model # which holds the word pieces too: hot words are spelled with them, as words of graphs are
norm=(--normalize="$normalize" --normalize-map="$normalize_map")

# The parts of a set that have a language model of their own: "all", or the labels of its utterances.
if [[ -n $lms ]]; then
  for s in "$dev" "$set"; do need_file "$data/$s/utt2lang" "--lms wants the language of each utterance"; done
  parts=$(cut -d ' ' -f 2 "$data/$set/utt2lang" "$data/$dev/utt2lang" | sort -u)
else
  parts=all
fi
lm_of() { if [[ -n $lms ]]; then echo "$lms/$1.arpa"; else echo "$lm"; fi; }
has_lm() { [[ -n $lm$lms ]]; }
has_tool() { command -v "$1" > /dev/null; }

quietly() { # <search> <command>...
  logged "$top/log/$1" "${@:2}"
}
# Utterances of a part of a set, without those lists where there is one part.
list_of() { # <set> <part>
  awk -v part="$2" '$2 == part { print $1 }' "$data/$1/utt2lang" > "$top/utts.$1.$2"
}
if [[ $parts != all ]]; then
  for part in $parts; do for s in "$dev" "$set"; do list_of "$s" "$part"; done; done
fi
# The log-posteriors of a part, as an rspecifier.
logp_of() { # <dir> <set> <part>
  if [[ $3 == all ]]; then
    echo "ark:$1/logp.ark"
  else
    echo "ark:subset-feats --print-args=false --include=$(shell_word "$top/utts.$2.$3") $(shell_word "ark:$1/logp.ark") ark:- |"
  fi
}

to_text() { # <tokens> <text>
  quietly text tokens-to-text "$tolerance" "$units" "ark,t:$1" "ark,t:$2"
}
# The lines of an n-best table that belong to the utterances of a part.
nbest_of() { # <table> <set> <part>
  awk 'NR == FNR { want[$1] = 1; next } { k = $1; sub(/-[0-9]+$/, "", k) } k in want' "$top/utts.$2.$3" "$1"
}
has_no_graph() { [[ " $no_graph " == *" $1 "* ]]; }
# What fusion found in a part that has no graph, with hot words where <name> is with them: part.tokens and part.text.
by_fusion() { # <name> <dir> <set> <part>
  local from=$2/fusion$beam+hot.tokens
  if [[ $1 != *+hot ]]; then
    from=$2/fusion.first
    first_best "$2/fusion-nbest$beam.tokens" "$from"
  fi
  awk 'NR == FNR { want[$1] = 1; next } $1 in want' "$top/utts.$3.$4" "$from" > "$2/part.tokens"
  rm -f "$2/fusion.first"
  to_text "$2/part.tokens" "$2/part.text"
}
# A search over log-posteriors, part by part: <dir>/<name>.tokens (.scores), n-best lists with --nbest.
search() { # <name> <dir> <set> <option>...: @LM@, @GRAPH@ and @WORDS@ stand for what belongs to the part
  local name=$1 where=$2 s=$3 part option filled
  shift 3
  : > "$where/$name.tokens"
  : > "$where/$name.scores"
  rm -f "$where/$name.text"
  for part in $parts; do
    if [[ $part != all && ! -s $top/utts.$s.$part ]]; then continue; fi
    : > "$where/part.scores"
    filled=()
    if [[ "$*" == *@GRAPH@* ]] && has_no_graph "$part"; then
      by_fusion "$name" "$where" "$s" "$part"
    else
      for option in "$@"; do
        option=${option//@LM@/$(lm_of "$part")}
        option=${option//@GRAPH@/$top/graph/$part/TLG.fst}
        filled+=("${option//@WORDS@/$top/graph/$part/words.txt}")
        # A graph has words of its own.
        if [[ $option == --method=wfst ]]; then filled+=(--text="ark,t:$where/part.text"); fi
      done
      quietly "$name" ctc-decode "$tolerance" --threads="$threads" "${filled[@]}" "$(logp_of "$where" "$s" "$part")" \
        "ark,t:$where/part.tokens" "ark,t:$where/part.scores"
    fi
    cat "$where/part.tokens" >> "$where/$name.tokens"
    cat "$where/part.scores" >> "$where/$name.scores"
    if [[ -e $where/part.text ]]; then cat "$where/part.text" >> "$where/$name.text"; fi
  done
  rm -f "$where"/part.{tokens,scores,text}
}
# The best paths of the lattices of a search in graphs, as an n-best list with the graph's language scores beside it.
lattice_nbest() { # <name> <dir> <set> <option>...: as search
  local name=$1 where=$2 s=$3 part
  shift 3
  for part in tokens scores lm; do : > "$where/$name.$part"; done
  local all_parts=$parts
  for part in $all_parts; do
    if [[ $part != all && ! -s $top/utts.$s.$part ]]; then continue; fi
    if has_no_graph "$part"; then
      for kind in tokens scores; do nbest_of "$where/fusion-nbest$beam.$kind" "$s" "$part" > "$where/part.$kind"; done
      to_text "$where/part.tokens" "$where/part.text"
      parts=$part lm_scores "$where/part.text" "$s" "$where/part.lm"
      for kind in tokens scores lm; do cat "$where/part.$kind" >> "$where/$name.$kind"; done
      continue
    fi
    parts=$part search "$name.part" "$where" "$s" "$@" --lattice="ark:$where/part.lat"
    quietly "$name" lattice-to-nbest "$tolerance" --n="$beam" --tokens="ark,t:$where/part.tokens" \
      --scores="ark,t:$where/part.scores" --lm-scores="ark,t:$where/part.lm" "ark:$where/part.lat"
    for kind in tokens scores lm; do cat "$where/part.$kind" >> "$where/$name.$kind"; done
  done
  rm -f "$where"/part.{lat,tokens,scores,lm,text} "$where/$name.part".*
}
first_best() { awk '$1 ~ /-1$/ { sub(/-1$/, "", $1); print }' "$1" > "$2"; }
score() { # <dir> <set> <name> [<rest of options>]: what it has as text
  quietly score compute-wer --mode="$mode" "${norm[@]}" --bootstrap "${@:4}" --json="$1/$3.wer.json" "ark:$data/$2/text" "ark:$1/$3.text" > "$1/$3.wer"
}
note() { echo "${*:3}" > "$1/$2.note"; }
errors_of() { sed -n 's/^%WER .* \[ \([0-9]*\) .*/\1/p' "$1"; }

encode() { # <set> <chunk> <dir>
  local streaming=false
  if (($2 > 0)); then streaming=true; fi
  mkdir -p "$3"
  quietly encode nnet-forward --chunk-size="$2" --num-left-chunks=-1 --streaming=$streaming --threads="$threads" "$tolerance" \
    "$model" "scp:$dump/$1/feats.scp" "ark:$3/logp.ark" "ark:$3/encoder.ark"
}
# Scores of a language model for the lines of an n-best text.
lm_scores() { # <text> <set> <scores>
  local part
  : > "$3"
  for part in $parts; do
    if [[ $part == all ]]; then
      cp "$1" "$3.text"
    else
      nbest_of "$1" "$2" "$part" > "$3.text"
    fi
    if [[ ! -s $3.text ]]; then continue; fi
    # Known words and the end, unknown ones as <unk>, and as in fusion 10 units less for each of those.
    quietly lm compute-perplexity "$tolerance" --per-utt="$3.parts" "$(lm_of "$part")" "ark,t:$3.text" > /dev/null
    awk '{ print $1, " [", $4 + $5 - 10 * $3, "]" }' "$3.parts" >> "$3"
  done
  rm -f "$3.text" "$3.parts"
}
# The n-best list <name> of a set with the scores that rescoring is made of.
components() { # <name> <dir> <set>
  quietly "$1" attention-rescore "$tolerance" --threads="$threads" --components="ark,t:$2/$1.parts" "$model" "ark:$2/encoder.ark" \
    "ark,t:$2/$1.tokens" "ark,t:$2/$1.scores" ark:/dev/null
  to_text "$2/$1.tokens" "$2/$1.nbest.text"
  if has_lm && [[ ! -e $2/$1.lm ]]; then lm_scores "$2/$1.nbest.text" "$3" "$2/$1.lm"; fi
}
tune() { # <name> <dir of dev> <config> [--lm-scores=...]
  quietly tune tune-weights "${norm[@]}" --not-for="ark:$data/$set/text" "${@:4}" "ark,t:$2/$1.tokens" "ark,t:$2/$1.nbest.text" \
    "ark,t:$2/$1.parts" "ark:$data/$dev/text" "$3" > "$3.table"
}
# Rescores an n-best list of the set with a configuration.
rescore() { # <name of the list> <dir> <name of the result> <config> [option...]
  quietly "$3" attention-rescore "$tolerance" --threads="$threads" --config="$4" "${@:5}" "$model" "ark:$2/encoder.ark" \
    "ark,t:$2/$1.tokens" "ark,t:$2/$1.scores" "ark,t:$2/$3.tokens"
  to_text "$2/$3.tokens" "$2/$3.text"
  note "$2" "$3" "$(sed '/^#/d' "$4" | xargs)$(if [[ $1 == lattice* ]]; then echo "$without"; fi)"
}

# Graphs of the language models, where the tools for them were built. A part whose graph cannot be made, or is too large, is
# named, and searched by fusion.
graphs=false
no_graph=
make_graph() { # <part> <folder>
  quietly "graph.$1" word_graph.sh --max-states "$max_states" "$model" "$(lm_of "$1")" "$2"
}
if has_lm && has_tool compile-graph; then
  for part in $parts; do
    if (make_graph "$part" "$top/graph/$part"); then
      graphs=true
    else
      say "no graph for $part: see $top/log/graph.$part"
      no_graph+="${no_graph:+ }$part"
    fi
  done
  if ! $graphs; then say "no searches in graphs"; fi
elif has_lm; then
  say "no searches in graphs: compile-graph is not built (libfst-dev)"
fi
# What a note says of graphs that are not there.
without=
if [[ -n $no_graph ]]; then without="; by fusion: $no_graph"; fi

biased=()
if [[ -n $hot_words ]]; then biased=(--biased-words="$hot_words"); fi
with_hot=(--hot-words="$hot_words" --units="$units")
began=$SECONDS
read -ra chunk_list <<< "$chunks"
n=0
for chunk in "${chunk_list[@]}"; do
  on_dev=$top/$chunk/dev dir=$top/$chunk
  encode "$dev" "$chunk" "$on_dev"
  encode "$set" "$chunk" "$dir"
  prefix=(--method=prefix-beam)
  # Without words: greedy search, prefix beam search, and its control.
  search greedy "$dir" "$set" --method=greedy
  for b in "$beam" $((5 * beam)); do
    for where in "$on_dev $dev" "$dir $set"; do
      # shellcheck disable=SC2086  # two words
      search "nbest$b" $where "${prefix[@]}" --beam="$b" --nbest="$b"
    done
    first_best "$dir/nbest$b.tokens" "$dir/prefix$b.tokens"
  done
  done_searches=(greedy "prefix$beam" "prefix$((5 * beam))")
  if [[ -n $hot_words ]]; then
    search "prefix$beam+hot" "$dir" "$set" "${prefix[@]}" --beam="$beam" "${with_hot[@]}"
    done_searches+=("prefix$beam+hot")
  fi
  if has_lm; then
    best=
    for w in $lm_weights; do
      for b in $length_bonuses; do
        fusion=(--units="$units" --lm=@LM@ --lm-weight="$w" --length-bonus="$b")
        search try "$on_dev" "$dev" "${prefix[@]}" --beam="$beam" "${fusion[@]}"
        to_text "$on_dev/try.tokens" "$on_dev/try.text"
        score "$on_dev" "$dev" try
        errors=$(errors_of "$on_dev/try.wer")
        if [[ -z $best ]] || ((errors < ${best%% *})); then best="$errors $w $b"; fi
      done
    done
    read -r _ w b <<< "$best"
    fusion=(--units="$units" --lm=@LM@ --lm-weight="$w" --length-bonus="$b")
    search "fusion$beam" "$dir" "$set" "${prefix[@]}" --beam="$beam" "${fusion[@]}"
    note "$dir" "fusion$beam" "lm-weight=$w length-bonus=$b"
    done_searches+=("fusion$beam")
    if [[ -n $hot_words ]]; then
      search "fusion$beam+hot" "$dir" "$set" "${prefix[@]}" --beam="$beam" "${fusion[@]}" --hot-words="$hot_words"
      done_searches+=("fusion$beam+hot")
    fi
    for where in "$on_dev $dev" "$dir $set"; do
      # shellcheck disable=SC2086  # two words
      search "fusion-nbest$beam" $where "${prefix[@]}" --beam="$beam" --nbest="$beam" "${fusion[@]}"
    done
    if $graphs; then
      best=
      for scale in $graph_scales; do
        for penalty in $graph_penalties; do
          graph=(--method=wfst --graph=@GRAPH@ --words=@WORDS@ --acoustic-scale="$scale" --length-penalty="$penalty")
          search try "$on_dev" "$dev" "${graph[@]}"
          score "$on_dev" "$dev" try
          errors=$(errors_of "$on_dev/try.wer")
          if [[ -z $best ]] || ((errors < ${best%% *})); then best="$errors $scale $penalty"; fi
        done
      done
      read -r _ scale penalty <<< "$best"
      graph=(--method=wfst --graph=@GRAPH@ --words=@WORDS@ --acoustic-scale="$scale" --length-penalty="$penalty")
      search wfst "$dir" "$set" "${graph[@]}"
      note "$dir" wfst "acoustic-scale=$scale length-penalty=$penalty$without"
      done_searches+=(wfst)
      if has_tool lattice-to-nbest; then
        for where in "$on_dev $dev" "$dir $set"; do
          # shellcheck disable=SC2086  # two words
          lattice_nbest "lattice-nbest$beam" $where "${graph[@]}"
        done
      fi
      if [[ -n $hot_words ]]; then
        search wfst+hot "$dir" "$set" "${graph[@]}" "${with_hot[@]}"
        if [[ -n $without ]]; then note "$dir" wfst+hot "${without#; }"; fi
        done_searches+=(wfst+hot)
      fi
    fi
  fi
  for name in "${done_searches[@]}"; do
    if [[ ! -e $dir/$name.text ]]; then to_text "$dir/$name.tokens" "$dir/$name.text"; fi
  done
  # The decoders: alone, with CTC, and over n-best lists with weights chosen on dev.
  for w in 0 0.3; do
    quietly attention attention-decode "$tolerance" --threads="$threads" --ctc-weight=$w --beam="$beam" "$model" \
      "ark:$dir/encoder.ark" "ark,t:$dir/attention$w.tokens"
    to_text "$dir/attention$w.tokens" "$dir/attention$w.text"
  done
  for list in "nbest$beam" "nbest$((5 * beam))"; do
    components "$list" "$on_dev" "$dev"
    tune "$list" "$on_dev" "$dir/$list.conf"
    rescore "$list" "$dir" "rescored-$list" "$dir/$list.conf"
  done
  if has_lm; then
    for list in "nbest$beam" "fusion-nbest$beam" "lattice-nbest$beam"; do
      if [[ ! -e $dir/$list.tokens ]]; then continue; fi # no graphs
      if [[ $list != nbest* ]]; then components "$list" "$on_dev" "$dev"; fi
      if [[ ! -e $dir/$list.lm ]]; then
        to_text "$dir/$list.tokens" "$dir/$list.nbest.text"
        lm_scores "$dir/$list.nbest.text" "$set" "$dir/$list.lm"
      fi
      tune "$list" "$on_dev" "$dir/$list+lm.conf" --lm-scores="ark,t:$on_dev/$list.lm"
      rescore "$list" "$dir" "rescored-$list+lm" "$dir/$list+lm.conf" --lm-scores="ark,t:$dir/$list.lm"
    done
  fi
  # Each beside its control: the same without a language model and hot words, with the larger beam.
  for text in "$dir"/*.text; do
    name=$(basename "$text" .text)
    if [[ $name == *.nbest ]]; then continue; fi
    control=prefix$((5 * beam))
    if [[ $name == rescored-* ]]; then control=rescored-nbest$((5 * beam)); fi
    score "$dir" "$set" "$name" "${biased[@]}" --compare="ark:$dir/$control.text"
  done
  rm -rf "$on_dev" "$dir"/{logp,encoder}.ark "$dir"/*.{tokens,scores,lm} "$dir"/*.nbest.text
  n=$((n + 1))
  say "chunk $chunk searched, $n of ${#chunk_list[@]}, $(duration $(((SECONDS - began) * (${#chunk_list[@]} - n) / n))) left"
done
words_table.py --beam "$beam" --chunks "$chunks" --title "$(basename "$(dirname "$exp")") $(basename "$exp"), $set" "$top"
