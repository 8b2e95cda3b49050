#!/bin/bash
# Epilog of slurmd (slurm.conf: Epilog=/etc/slurm/epilog.d/firstfix.sh): keep what the node looked like when a job ended
# badly, and drain a node whose GPU was lost meanwhile.
set -u
PATH=$(printenv PATH || echo /usr/local/bin:/usr/bin:/bin) # slurmd gives none
export PATH
log=${FIRSTFIX_SLURM_LOG:-/var/log/slurm/firstfix}
[ -n "${SLURM_JOB_GPUS:-}${CUDA_VISIBLE_DEVICES:-}${FIRSTFIX_SLURM_ALWAYS:-}" ] || exit 0
umask 077
mkdir -p "$log"
answer=$log/epilog-${SLURM_JOB_ID:-0}
case ${SLURM_JOB_EXIT_CODE:-0} in
0) ;;
*) timeout 20 firstfix report --json --output "$answer.facts.json" ;;
esac
timeout 20 firstfix check --output "$answer.txt"
[ $? -eq 1 ] && exit 1 # drains the node; the answer stays
rm -f "$answer.txt"
find "$log" -name '*.facts.json' -mtime +14 -delete
exit 0
