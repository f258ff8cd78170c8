# shellcheck shell=bash
# Run by _environment.sh on each node of a job: asks the job's ranks there, and no other job's, for their stacks.

for process in $(pgrep -f '^[^ ]*python[^ ]* -m gsgm_mpi( |$)'); do
    if grep -qzx "SLURM_JOB_ID=$SLURM_JOB_ID" "/proc/$process/environ" 2>/dev/null; then
        kill -USR2 "$process"
    fi
done
