#!/usr/bin/env bash
# Language models of a corpus: one for each language of utt2lang, or one of all. From the texts of the training set and
# further text; never from dev or test texts, which further text must not hold either.
#
# Usage: language_models.sh [options] <data-dir> <out-dir>
#   e.g. language_models.sh --text corpus/lm data exp/lm
#   --text DIR       DIR/<label>.txt, sentences one a line, of each language; without utt2lang DIR/all.txt
#   --normalize none, --normalize-map ""   what was done to the texts of <data-dir>, and is done to those of --text
#   --order 3        n-grams
#   --sets "dev"     dev and test sets: no sentence of theirs is trained on, and the perplexity of each is told
#
# Writes <out-dir>/<label>.{txt,arpa}, the label being "all" without utt2lang, and <out-dir>/perplexity.txt, which also says
# what was done to further text.
# A language without any text but that of dev and test sets has none.
set -euo pipefail
. "$(dirname "$0")/../recipe.sh"
text=
normalize=none
normalize_map=
order=3
sets=dev
parse_options "$@"
enter_recipe
[[ ${#args[@]} -eq 2 ]] || usage_error "a data folder and a folder for the models are needed"
data=${args[0]} out=${args[1]}
need_file "$data/train/text" "make the data first (--stage 1)"
mkdir -p "$out"
labels=all
if [[ -e $data/train/utt2lang ]]; then labels=$(cut -d ' ' -f 2 "$data/train/utt2lang" | sort -u); fi
sentences_of() { # <set> <label>: lines "utterance word..." of its text
  if [[ $2 == all ]]; then
    cat "$data/$1/text"
  else
    awk -v label="$2" 'NR == FNR { if ($2 == label) want[$1] = 1; next } $1 in want' "$data/$1/utt2lang" "$data/$1/text"
  fi
}
excluded=()
for set in $sets; do
  need_file "$data/$set/text" "make the data first (--stage 1)"
  excluded+=("$data/$set/text")
done
: > "$out/perplexity.txt"
for label in $labels; do
  sentences_of train "$label" | cut -s -d ' ' -f 2- > "$out/$label.txt"
  own=$(wc -l < "$out/$label.txt")
  others=
  if [[ -n $text && -s $text/$label.txt ]]; then
    awk '{ print "line" NR, $0 }' "$text/$label.txt" > "$out/part.txt"
    : > "$out/$label.log"
    logged "$out/$label.log" normalize-text --normalize="$normalize" --normalize-map="$normalize_map" "ark:$out/part.txt" ark,t:- |
      awk 'NF > 1 { sub(/^[^ ]* /, ""); sub(/ $/, ""); print }' >> "$out/$label.txt"
    others=$(sed -n 's/.*Normalised by \(.*\)\.$/ (normalised by: \1)/p' "$out/$label.log")
  fi
  train-lm.sh --order "$order" "$out/$label.txt" "$out/$label.arpa" "${excluded[@]}" 2>&1 | tee -a "$out/$label.log" >&2
  echo "$label: $own sentences of the training set, $(($(wc -l < "$out/$label.txt") - own)) others$others;" \
    "$(sed -n 's/^train-lm.sh: .*arpa: //p' "$out/$label.log" | tail -n 1)" >> "$out/perplexity.txt"
  for set in $sets; do
    sentences_of "$set" "$label" > "$out/part.txt"
    if [[ ! -s $out/part.txt ]]; then continue; fi
    logged "$out/$label.log" compute-perplexity "$out/$label.arpa" "ark,t:$out/part.txt" | paste -sd ';' |
      sed "s/;/; /g; s/^/  $set: /" >> "$out/perplexity.txt"
  done
done
rm -f "$out/part.txt"
cat "$out/perplexity.txt"
