# Sourced by tests that need a cluster: a real Slurm of one node, on loopback, for the time of the test.
#
#   start_slurm DIR    starts munged, slurmctld and slurmd with a configuration, key, sockets and ports of their own in
#                      the fresh folder DIR, exports SLURM_CONF; where it cannot, returns 1 with the reason in $slurm_why
#   stop_slurm         ends them; harmless if nothing was started
#
# Nothing of the machine's own Slurm or munge is read or changed. Needs root, for slurmd runs jobs as who sent them.
# The node claims 8 processors, however many there are: the jobs of the tests sleep.

slurm_dir=
slurm_why=

free_ports() { # <number>
  python3 -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

start_slurm() {
  local tool host ports i
  slurm_why=
  for tool in munged slurmctld slurmd sbatch squeue scancel scontrol; do
    if ! PATH=$PATH:/usr/sbin type -P "$tool" > /dev/null; then
      slurm_why="no $tool (Debian packages slurm-wlm and munge)"
      return 1
    fi
  done
  if [ "$(id -u)" -ne 0 ]; then
    slurm_why="slurmd needs root"
    return 1
  fi
  slurm_dir=$1
  mkdir -p "$slurm_dir"/{munge,state,spool,log}
  chmod 755 "$slurm_dir" "$slurm_dir/munge"
  host=$(hostname -s)
  ports=$(free_ports 2)
  (umask 077 && head -c 1024 /dev/urandom > "$slurm_dir/munge/key")
  cat > "$slurm_dir/slurm.conf" << EOF
ClusterName=u2moe-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm_dir/munge/socket
SlurmctldPidFile=$slurm_dir/slurmctld.pid
SlurmdPidFile=$slurm_dir/slurmd.pid
SlurmctldLogFile=$slurm_dir/log/slurmctld
SlurmdLogFile=$slurm_dir/log/slurmd
StateSaveLocation=$slurm_dir/state
SlurmdSpoolDir=$slurm_dir/spool
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
KillWait=10
MaxArraySize=101
NodeName=$host NodeAddr=127.0.0.1 CPUs=8
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE
EOF
  unset "${!SLURM_@}" "${!SBATCH_@}" "${!SQUEUE_@}"
  export SLURM_CONF=$slurm_dir/slurm.conf
  PATH=$PATH:/usr/sbin
  if ! munged --force --key-file="$slurm_dir/munge/key" --socket="$slurm_dir/munge/socket" \
    --pid-file="$slurm_dir/munge/pid" --log-file="$slurm_dir/munge/log" --seed-file="$slurm_dir/munge/seed" \
    > "$slurm_dir/log/start" 2>&1 || ! slurmctld >> "$slurm_dir/log/start" 2>&1 ||
    ! slurmd -N "$host" >> "$slurm_dir/log/start" 2>&1; then
    slurm_why="a daemon did not start: $(tail -n 3 "$slurm_dir/log/start")"
    stop_slurm
    return 1
  fi
  for ((i = 0; i < 150; i++)); do
    if [ "$(sinfo -h -o %T 2> /dev/null)" = idle ]; then return; fi
    sleep 0.2
  done
  slurm_why="the node was not ready within 30 s: $(tail -qn 3 "$slurm_dir"/log/*)"
  stop_slurm
  return 1
}

stop_slurm() {
  local name pid i
  [ -n "$slurm_dir" ] || return 0
  scancel -u root > /dev/null 2>&1 # SLURM_CONF makes this our cluster
  for ((i = 0; i < 30; i++)); do
    [ -n "$(squeue -h 2> /dev/null)" ] || break
    sleep 0.2
  done
  for name in slurmd.pid slurmctld.pid munge/pid; do
    pid=$(cat "$slurm_dir/$name" 2> /dev/null) || continue
    kill -TERM "$pid" 2> /dev/null
    for ((i = 0; i < 50; i++)); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2> /dev/null
  done
  slurm_dir=
}
