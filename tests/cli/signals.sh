#!/usr/bin/env bash
# Tools that a signal ends: no file is left of what they had begun.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! env --default-signal=INT true 2>/dev/null; then
  skip signals "this env cannot give SIGINT its effect back"
  exit 0
fi

# In the middle of reading a pipe: an archive and its script have been begun.
begin() { # <signal> <env options>: its status in $status, what lies there while it waits in $midway
  mkfifo pipe
  # shellcheck disable=SC2086
  env $2 copy-int-vector ark:pipe ark,scp:out.ark,out.scp 2>err &
  local pid=$!
  exec 3>pipe
  echo 'a 1 2' >&3
  for ((i = 0; i < 500; i++)); do
    midway=$(find . -name '.out.*.tmp-*' | sed 's/.tmp-.*//' | sort | xargs)
    [ "$midway" = "./.out.ark ./.out.scp" ] && break
    sleep 0.02
  done
  kill -"$1" $pid
  if [ -n "${3-}" ]; then sleep 0.3; fi
  exec 3>&-
  wait $pid 2>/dev/null
  status=$?
  rm pipe
}
for signal in INT TERM HUP; do
  begin $signal --default-signal=$signal
  check_equal "SIG$signal ends copy-int-vector" "$status" $((128 + $(kill -l $signal)))
  check_equal "SIG$signal: two files had been begun" "$midway" "./.out.ark ./.out.scp"
  check_equal "SIG$signal: nothing is left" "$(find . -name '*out*')" ""
done
begin HUP --ignore-signal=HUP later
check_equal "under nohup it goes on" "$status" 0
check_equal "to the end" "$(copy-int-vector scp:out.scp ark,t:- 2>/dev/null)" "a 1 2 "
rm -f out.ark out.scp
begin KILL ""
check_equal "SIGKILL leaves them, under other names" "$status $(find . -name 'out*')$(find . -name '.out*' | wc -l)" "137 2"
