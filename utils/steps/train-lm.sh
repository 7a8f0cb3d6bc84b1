#!/usr/bin/env bash
# An n-gram language model of a text, by irstlm.
#
# Usage: train-lm.sh [options] <text> <arpa-out> [<excluded text> ...]
#   e.g. train-lm.sh --heldout data/dev/text corpus.txt exp/lm.arpa data/dev/text data/test/text
#   --order 3              n-grams
#   --smoothing auto       ikn (improved Kneser-Ney), wb (Witten-Bell); auto: ikn where the counts allow it, else wb
#   --prune-singletons false   leave out n-grams from order 3 on that occur once
#   --heldout ""           a text whose perplexity and rate of unknown words are printed; it is excluded as well
#   --keys false           lines of <text> begin with a key, as in Kaldi's tables; those of the other texts always do
#   --units ""             units.txt: a model over these units instead of words, for --lm-units=units
#   --token-opts ""        then, more options of text-to-tokens, as on a command line
#
# <text> has a sentence a line; .gz is decompressed. The sentences of the excluded texts, and of the held-out one, are
# left out and counted, whatever their case and punctuation (utils/lm_text.py): a model that has seen what is measured
# proves nothing. With --units, those with letters that have no unit are left out too. The model is in the ARPA format,
# with <unk> for all words that it does not know; <arpa-out>.gz is compressed.
set -euo pipefail
if [[ -e path.sh ]]; then . ./path.sh; fi
utils=$(cd "$(dirname "$0")/.." && pwd)
. "$utils/recipe.sh"
export U2MOE_ROOT=${U2MOE_ROOT:-$(dirname "$utils")}
export PATH=$utils:$PATH
order=3
smoothing=auto
prune_singletons=false
heldout=
keys=false
units=
token_opts=
parse_options "$@"
[[ ${#args[@]} -ge 2 ]] || usage_error "a text and the name of the model are needed"
[[ $order =~ ^[1-9]$ ]] || usage_error "--order is a number from 1 to 9, not '$order'"
[[ $smoothing =~ ^(auto|ikn|wb)$ ]] || usage_error "--smoothing is auto, ikn or wb, not '$smoothing'"
text=${args[0]} out=${args[1]} excluded=("${args[@]:2}")
if [[ -n $heldout ]]; then excluded+=("$heldout"); fi
for file in "$text" "${excluded[@]}"; do need_file "$file" "a text is expected there"; done
[[ -d $(dirname "$out") ]] || die "$out: the folder $(dirname "$out") does not exist"
need_commands python3 compute-perplexity text-to-tokens
tlm=/usr/lib/irstlm/bin/tlm # where Debian has it; it is not on PATH
if [[ ! -x $tlm ]]; then tlm=$(command -v tlm) || die "there is no tlm: install the Debian package irstlm"; fi

scratch=$(mktemp -d)
in_units() { # <text with keys> <the same in units>
  local opts='' word
  [[ -n $units ]] || { cp "$1" "$2" && return; }
  for word in --max-failures=100% "$units" "ark:$1" "ark,t:$scratch/tokens"; do opts+=" $(shell_word "$word")"; done
  eval "logged $(shell_word "$scratch/tokens.log") text-to-tokens $token_opts $opts"
  int2sym.pl -f 2- "$units" "$scratch/tokens" > "$2"
}
lm_text.py --keys "$keys" "$text" "${excluded[@]}" | awk '{ print "s" NR, $0 }' > "$scratch/words"
in_units "$scratch/words" "$scratch/train"
sentences=$(wc -l < "$scratch/train")
if [[ -n $units ]]; then
  say "$(($(wc -l < "$scratch/words") - sentences)) sentences with letters that have no unit are left out"
  ((sentences > 0)) || die "$text: no sentence is left to train on: are $units its units?"
fi
awk '{ $1 = "<s>"; print $0, "</s>" }' "$scratch/train" > "$scratch/marked"

# Runs where names are plain: irstlm takes a name with a space for a command.
estimate() { # <smoothing>
  (cd "$scratch" && "$tlm" -tr=marked -n="$order" -lm="$1" -ps="$([[ $prune_singletons == true ]] && echo yes || echo no)" \
    -o=lm.arpa) > "$scratch/tlm.log" 2>&1 && [[ -s $scratch/lm.arpa ]]
}
why_not() { grep -aoE 'Error: .*' "$scratch/tlm.log" | tail -n 1 | sed 's/^Error: //' | grep . || tail -n 1 "$scratch/tlm.log"; }
method="improved Kneser-Ney"
if [[ $smoothing == wb ]]; then
  estimate wb || die "tlm failed: $(why_not)"
  method="Witten-Bell, as asked for"
elif ! estimate ikn; then
  why=$(why_not)
  [[ $smoothing == auto ]] || die "improved Kneser-Ney is not possible here: $why; --smoothing wb needs less text"
  estimate wb || die "tlm failed: $(why_not)"
  method="Witten-Bell, since improved Kneser-Ney is not possible here ($why)"
fi
say "$out: order $order, $method; $sentences sentences, $(awk '{ n += NF - 1 } END { print n }' "$scratch/train")" \
  "$([[ -n $units ]] && echo units || echo words)"

if [[ -n $heldout ]]; then
  in_units "$heldout" "$scratch/heldout"
  logged "$scratch/perplexity.log" compute-perplexity "$scratch/lm.arpa" "ark:$scratch/heldout" > "$scratch/perplexity"
  say "$heldout: $(paste -sd ';' "$scratch/perplexity" | sed 's/;/; /g')"
else # that the model can be read
  echo s1 | logged "$scratch/perplexity.log" compute-perplexity "$scratch/lm.arpa" ark:- > "$scratch/perplexity"
fi
if [[ $out == *.gz ]]; then
  gzip -c "$scratch/lm.arpa" > "$out.tmp"
else
  cp "$scratch/lm.arpa" "$out.tmp"
fi
mv "$out.tmp" "$out"
