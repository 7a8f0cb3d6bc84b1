#!/usr/bin/env bash
# Sourced by run.sh and by egs/debian/run.sh after parse_options: the options that both have, before anything is done.
# shellcheck shell=bash disable=SC2154  # the recipe sets them
check_options() { # <folder of conf/<size>>
  local n m
  if $cut; then : "${size:=tiny}" "${epochs:=2}"; fi
  : "${size:=small}"
  [[ $size == tiny || $size == small || $size == base ]] || usage_error "--size is tiny, small or base, not '$size'"
  [[ $units != bpe ]] || usage_error "--units bpe: word pieces are not here yet; --units char takes letters"
  [[ $units == char ]] || usage_error "--units is char, not '$units'"
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
