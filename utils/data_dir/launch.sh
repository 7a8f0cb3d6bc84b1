#!/bin/sh
# Kaldi's names for the tools in this folder: utils/<tool>.sh and utils/<tool>.pl are links to this file, which runs
# <tool>.py. So one file serves both names, and `bash utils/fix_data_dir.sh` works as well as running it.
DATA_DIR_TOOL=${0##*/}
export DATA_DIR_TOOL
if [ "$DATA_DIR_TOOL" = launch.sh ]; then
  echo "launch.sh: error: run the tools of utils/ by their names, e.g. utils/validate_data_dir.sh" >&2
  exit 2
fi
# Without what the user's settings may add to Python: only its standard library is needed.
exec python3 -E -s -S -B "$(dirname "$(readlink -f "$0")")/${DATA_DIR_TOOL%.*}.py" "$@"
