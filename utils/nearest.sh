# Sourced by run-jobs and recipe.sh: "did you mean" for options, with the distance of src/util/options.cc.
# shellcheck shell=bash

# <word> <known word>...: prints "; did you mean --known?" if word is a slip of one, with or without hyphens before it.
did_you_mean() {
  local word=${1%%=*} known best='' least i j cost diagonal keep row
  while [[ $word == -* ]]; do word=${word#-}; done
  word=${word//_/-}
  shift
  least=$((1 + ${#word} / 2 < 4 ? 1 + ${#word} / 2 : 4))
  for known in "$@"; do
    known=${known//_/-}
    row=()
    for ((j = 0; j <= ${#known}; j++)); do row[j]=$j; done
    for ((i = 1; i <= ${#word}; i++)); do
      diagonal=${row[0]} row[0]=$i
      for ((j = 1; j <= ${#known}; j++)); do
        cost=$diagonal
        if [[ ${word:i-1:1} != "${known:j-1:1}" ]]; then cost=$((cost + 1)); fi
        diagonal=${row[j]} keep=$cost
        if ((row[j] + 1 < keep)); then keep=$((row[j] + 1)); fi
        if ((row[j - 1] + 1 < keep)); then keep=$((row[j - 1] + 1)); fi
        row[j]=$keep
      done
    done
    if ((row[${#known}] < least)); then least=${row[${#known}]} best=$known; fi
  done
  if [[ -n $best ]]; then echo "; did you mean --$best?"; fi
}
