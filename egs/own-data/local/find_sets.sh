#!/usr/bin/env bash
# Finds the data directories of a corpus. Prints lines: "train", "dev" or "test", name, folder; tabs between.
#
# Usage: local/find_sets.sh [options] <folder>
#   --train train, --dev ""   names; dev: dev, valid, validation or cv if not given and one of them is there
#   --tests ""                names; all that begin with test or eval if not given
#
# They are in <folder>, in <folder>/data, or <folder> is itself the one data directory there is.
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
train=train
dev=
tests=
parse_options "$@"
[[ ${#args[@]} -eq 1 ]] || usage_error "a folder is needed"
folder=${args[0]%/}
[[ -d $folder ]] || die "no folder '$folder'"
if [[ -e $folder/wav.scp ]]; then
  [[ -z $dev$tests ]] || die "$folder is itself a data directory; --dev and --tests name others beside it: give" \
    "the folder above as --data, and --train $(basename "$(realpath "$folder")")"
  printf 'train\ttrain\t%s\n' "$folder"
  exit 0
fi
base=
for candidate in "$folder" "$folder/data"; do
  if [[ -z $base && -e $candidate/$train/wav.scp ]]; then base=$candidate; fi
done
[[ -n $base ]] || die "neither $folder/$train/wav.scp nor $folder/data/$train/wav.scp nor $folder/wav.scp is there:" \
  "--data names a folder of Kaldi data directories, with wav.scp and text in each, and --train the one to train on"
printf 'train\ttrain\t%s\n' "$base/$train"
if [[ -z $dev ]]; then
  for name in dev valid validation cv; do
    if [[ -z $dev && $name != "$train" && -e $base/$name/wav.scp ]]; then dev=$name; fi
  done
elif [[ ! -e $base/$dev/wav.scp ]]; then
  die "--dev: no $base/$dev/wav.scp"
fi
if [[ -n $dev ]]; then printf 'dev\tdev\t%s\n' "$base/$dev"; fi
if [[ -n $tests ]]; then
  seen=" "
  for name in $tests; do
    [[ $seen != *" $name "* ]] || die "--tests names '$name' twice"
    seen+="$name "
    [[ -e $base/$name/wav.scp ]] || die "--tests: no $base/$name/wav.scp"
    printf 'test\t%s\t%s\n' "$name" "$base/$name"
  done
else
  for path in "$base"/{test,eval}*/wav.scp; do
    if [[ -e $path && $path != "$base/$train/wav.scp" ]]; then
      path=${path%/wav.scp}
      [[ ${path##*/} != *[[:space:]]* ]] || die "the name of '$path' holds a space"
      printf 'test\t%s\t%s\n' "${path##*/}" "$path"
    fi
  done
fi
