#!/bin/bash
# Prolog of slurmd (slurm.conf: Prolog=/etc/slurm/prolog.d/firstfix.sh): a node whose GPUs or driver would fail a job
# takes none. Exit code 1 drains the node; the job goes back into the queue, and the reason is in the log.
set -u
PATH=$(printenv PATH || echo /usr/local/bin:/usr/bin:/bin) # slurmd gives none
export PATH
log=${FIRSTFIX_SLURM_LOG:-/var/log/slurm/firstfix}
[ -n "${SLURM_JOB_GPUS:-}${CUDA_VISIBLE_DEVICES:-}${FIRSTFIX_SLURM_ALWAYS:-}" ] || exit 0 # a job without a GPU
umask 077
mkdir -p "$log"
answer=$log/prolog-${SLURM_JOB_ID:-0}
timeout 20 firstfix check --output "$answer.txt"
code=$?
if [ "$code" -eq 1 ]; then
    logger -t firstfix -- "job ${SLURM_JOB_ID:-?}: $(sed -n 's/^ROOT CAUSE: //p;T;q' "$answer.txt")" 2>/dev/null
    # for the user, into the job's output
    echo "print firstfix: this node cannot run a GPU job:"
    sed 's/^/print /' "$answer.txt"
    exit 1
fi
rm -f "$answer.txt"
exit 0 # nothing wrong, only warnings, or the check itself failed: that is no reason to stop jobs
