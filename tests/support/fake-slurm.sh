# Sourced by tests: programs with Slurm's names that run jobs here at once, to have them print what real ones print on
# some sites.
#
#   make_fake_slurm DIR   writes sbatch, squeue, scancel and scontrol into DIR/bin and a queue into DIR/queue
#
# Files in DIR that change what they do: <program>.before and <program>.after are printed to stdout around the output;
# <program>.instead is printed in its place (after its work); scancel.log has the arguments of each scancel.
make_fake_slurm() { # <dir>
  local dir=$1 program
  mkdir -p "$dir/bin" "$dir/queue"
  for program in sbatch squeue scancel scontrol; do
    cat > "$dir/bin/$program" << 'END'
#!/usr/bin/env bash
dir=$(cd "$(dirname "$0")/.." && pwd)
program=${0##*/}
work() {
  local a array first last out=/dev/null script id k x
  case $program in
    sbatch)
      for a in "$@"; do
        case $a in
          --array=*) array=${a#*=} && array=${array%\%*} ;;
          --output=*) out=${a#*=} ;;
          --chdir=*) cd "${a#*=}" || exit 1 ;;
        esac
      done
      first=${array%-*} last=${array#*-}
      id=$((1000 + $(find "$dir/queue" -name 'script.*' | wc -l)))
      script=$dir/queue/script.$id
      cat > "$script"
      chmod +x "$script"
      for ((k = first; k <= last; k++)); do
        (
          SLURM_ARRAY_TASK_ID=$k setsid bash "$script" > "${out//%a/$k}" 2>&1 < /dev/null &
          echo $! > "$dir/queue/$id.$k" && : > "$dir/queue/begun.$id.$k"
          wait $!
          rm -f "$dir/queue/$id.$k"
        ) > /dev/null 2>&1 < /dev/null &
      done
      for ((k = first; k <= last; k++)); do until [[ -e $dir/queue/begun.$id.$k ]]; do sleep 0.02; done; done
      echo "$id${CLUSTER:+;$CLUSTER}"
      ;;
    squeue)
      while [[ $# -gt 0 && $1 != -j ]]; do shift; done
      for x in ${2//,/ }; do
        for a in "$dir/queue/$x".*; do if [[ -e $a ]]; then echo "$x ${a##*.}"; fi; done
      done
      ;;
    scancel)
      echo "$* [${SLURM_CLUSTERS-}]" >> "$dir/scancel.log"
      for x in "$@"; do
        for a in "$dir/queue/$x".*; do if [[ -e $a ]]; then kill -TERM -- "-$(< "$a")"; fi; done
      done
      ;;
    scontrol) exit 1 ;;
  esac
}
cat "$dir/$program.before" 2> /dev/null
if [[ -e $dir/$program.instead ]]; then
  work "$@" > /dev/null
  cat "$dir/$program.instead"
else
  work "$@"
fi
cat "$dir/$program.after" 2> /dev/null
exit 0
END
    chmod +x "$dir/bin/$program"
  done
}
