#!/usr/bin/env bash
# Sourced by run.sh and by egs/debian/run.sh after parse_options: the options that both have, before anything is done.
# shellcheck shell=bash disable=SC2154  # the recipe sets them
check_options() { # <folder of conf/<size>>
  local n m problem
  if $cut; then : "${size:=tiny}" "${epochs:=2}"; fi
  : "${size:=small}"
  [[ $size == tiny || $size == small || $size == base ]] || usage_error "--size is tiny, small or base, not '$size'"
  check_units "$units"
  if [[ -n $normalize_map && $normalize_map != /* ]]; then normalize_map=$here/$normalize_map; fi
  if [[ $normalize != none || -n $normalize_map ]]; then
    need_commands normalize-text
    problem=$(echo "u a" | normalize-text --print-args=false --normalize="$normalize" --normalize-map="$normalize_map" \
      ark:- ark,t:/dev/null 2>&1) || usage_error "$(sed -n 's/^ERROR[^)]*) //p' <<< "$problem")"
  fi
  [[ -z $epochs || $epochs =~ ^[1-9][0-9]*$ ]] || usage_error "--epochs is a number above 0, not '$epochs'"
  [[ $max_failures =~ ^[0-9]+(\.[0-9]+)?%?$ ]] || usage_error "--max-failures is a count or a share like 5%, not '$max_failures'"
  [[ -z $learning_rate || $learning_rate =~ ^[0-9]*\.?[0-9]+(e-?[0-9]+)?$ && ${learning_rate%e*} == *[1-9]* ]] ||
    usage_error "--learning-rate is a number above 0, not '$learning_rate'"
  for n in nj train_jobs; do
    [[ ${!n} =~ ^[1-9][0-9]*$ ]] || usage_error "--${n//_/-} is a number above 0, not '${!n}'"
  done
  check_choices "$models" "$seeds" "$chunks"
  for m in $models; do
    [[ -s $1/$size/$m.conf ]] || usage_error "--models: there is no conf/$size/$m.conf"
  done
}
