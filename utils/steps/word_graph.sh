#!/usr/bin/env bash
# The decoding graph of a language model and the units of a model: words.txt, G.fst, L.fst and TLG.fst. Words that the
# units cannot spell are left out.
#
# Usage: word_graph.sh [options] <model> <lm.arpa> <graph-dir>
#   e.g. word_graph.sh exp/moe/777/final.safetensors exp/lm/all.arpa exp/moe/777/graph
#   --max-states 20000000   of a graph: a larger one is an error
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
max_states=20000000
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 3 ]] || usage_error "a model, a language model and a folder for the graph are needed"
model=${args[0]} lm=${args[1]} dir=${args[2]}
need_file "$model" "train it first (--stage 3)"
need_file "$lm" "train it first"
mkdir -p "$dir"
arpa-to-fst --write-symbol-table="$dir/words.txt" "$lm" "$dir/G.fst"
make-lexicon-fst --skip-unknown=true --read-symbol-table="$dir/words.txt" "$model" "$dir/L.fst"
compile-graph --skip-missing=true --max-states="$max_states" --words="$dir/words.txt" "$model" "$dir/L.fst" "$dir/G.fst" "$dir/TLG.fst"
