#!/usr/bin/env bash
# Fetches Debian packages with speech or text and unpacks them below a folder; nothing is installed, root is not needed.
#
# Usage: local/fetch.sh [--langs "ru cs ..."] [--list local/packages.txt] <folder>
#
# The list has a package, its version and its languages on each line. Writes <folder>/usr/... and <folder>/packages.txt, lines "name version". What is there
# already is not fetched again.
. ./path.sh
. "$U2MOE_ROOT/utils/recipe.sh"
langs=
list=local/packages.txt
parse_options "$@"
[[ ${#args[@]} -eq 1 ]] || usage_error "a folder is needed"
folder=${args[0]}
wanted=$(awk -v langs="$langs" 'BEGIN { n = split(langs, l, " "); for (i = 1; i <= n; i++) want[l[i]] = 1 }
  !/^#/ { for (i = 3; i <= NF; i++) if (n == 0 || $i in want) { print $1, $2; break } }' "$list")
[[ -n $wanted ]] || usage_error "--langs '$langs': no package of $list is for them"
mkdir -p "$folder/part"
touch "$folder/packages.txt"
missing=$(awk -v have=" $(cut -d ' ' -f 1 "$folder/packages.txt" | tr '\n' ' ')" \
  'index(have, " " $1 " ") == 0 { print $1 }' <<< "$wanted")
if [[ -n $missing ]]; then
  if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then
    die "apt-get and dpkg-deb are not here: this is no Debian system. Fetch these packages from a mirror of Debian" \
      "(packages.debian.org/NAME names the files), unpack each into one folder (ar x NAME.deb; tar -xf data.tar.*), which" \
      "then contains usr/, and give it as --packages FOLDER: $(tr '\n' ' ' <<< "$missing")"
  fi
fi
total=$(wc -w <<< "$missing")
n=0
began=$SECONDS
for name in $missing; do
  rm -f "$folder/part"/*.deb
  if ! (cd "$folder/part" && apt-get download "$name") > "$folder/part/log" 2>&1; then
    die "apt-get download $name failed: $(grep -v '^W:' "$folder/part/log" | tail -n 2). If the lists of packages are missing" \
      "or old, 'apt-get update' makes them; a Debian system without network is told with --packages FOLDER where they" \
      "are unpacked"
  fi
  deb=("$folder/part/$name"_*.deb)
  dpkg-deb -x "${deb[0]}" "$folder" || die "${deb[0]} cannot be unpacked"
  echo "$name $(dpkg-deb -f "${deb[0]}" Version)" >> "$folder/packages.txt"
  n=$((n + 1))
  say "$name unpacked, $n of $total, $(duration $(((SECONDS - began) * (total - n) / n))) left"
done
rm -rf "$folder/part"
