# shellcheck shell=bash
# Sourced by the job scripts: goes to the folder of submission, activates the Python environment, sets
# the threads of each rank, and leaves in the array "launcher" how to start $SLURM_NTASKS ranks; "run" runs a command
# that gets the job's signals.
#
# Set before sbatch, where the defaults do not fit the site:
#   GSGM_CONDA_ENV  name or prefix of a conda environment (default: the folder .venv)
#   GSGM_MODULES    modules to load first, e.g. "gcc/13 openmpi/5"
#   MPIEXEC         the launcher and its options (default: mpiexec of the environment), e.g.
#                   /opt/site-mpi/bin/mpiexec or "srun --mpi=pmix"
#   GSGM_BIND       the launcher's options for binding, may be empty (default: see below)

cd "$SLURM_SUBMIT_DIR" || exit
mkdir -p results

if [[ -n ${GSGM_MODULES:-} ]]; then
    read -ra modules <<<"$GSGM_MODULES"
    set +u # module's own functions read unset variables
    module load "${modules[@]}"
    set -u
fi

if [[ -n ${GSGM_CONDA_ENV:-} ]]; then
    conda_setup=$(conda shell.bash hook)
    set +u # conda's activation scripts read unset variables
    eval "$conda_setup"
    conda activate "$GSGM_CONDA_ENV"
    set -u
elif [[ -r .venv/bin/activate ]]; then
    # shellcheck source=/dev/null
    source .venv/bin/activate
else
    echo "no .venv in $PWD: submit from the repository root, or set GSGM_CONDA_ENV" >&2
    exit 1
fi

# Without this, every rank starts a pool of as many threads as the node has cores.
threads=${SLURM_CPUS_PER_TASK:-1}
export OMP_NUM_THREADS=$threads MKL_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads

launch=${MPIEXEC:-mpiexec}
program=${launch%% *}
if [[ ${program##*/} == srun ]]; then
    # Since Slurm 22.05 srun does not take over sbatch's --cpus-per-task by itself.
    export SRUN_CPUS_PER_TASK=$threads
    bind="--cpu-bind=cores"
else
    # mpiexec starts one daemon a node through srun. With this variable set, that srun would confine
    # the daemon, and with it every rank of the node, to the cores of a single task.
    unset SRUN_CPUS_PER_TASK
    # No binding: mpiexec counts cores from the node's first one, so two jobs that share a node would
    # sit on the same cores. On a node of your own (--exclusive) set GSGM_BIND="-bind-to core".
    bind=""
fi
# shellcheck disable=SC2034  # the job scripts use it
read -ra launcher <<<"$launch -n $SLURM_NTASKS ${GSGM_BIND-$bind}"

# Runs a command to its end and returns its exit code. Meanwhile the job's signals go to the command. USR1 (the time
# limit is near) and TERM (scancel) make it save itself and stop with exit code 85; which one it was is left in the
# variable "stopped_by"; a cancel counts whenever it comes. USR2 makes all ranks print their stacks.
run() {
    local code=0 command pause=0.1 stop='' stacks=''
    stopped_by=
    # Traps do nothing that takes time: a signal that comes meanwhile can be lost.
    trap 'stopped_by=${stopped_by:-USR1} stop=yes' USR1
    trap 'stopped_by=TERM stop=yes' TERM
    trap 'stacks=yes' USR2
    "$@" &
    command=$!
    while kill -0 "$command" 2>/dev/null; do
        # Not "wait $command": where a signal comes at the wrong moment, bash returns from it with the signal's code, or
        # goes on waiting. A signal cuts this short; at worst it is dealt with a second late.
        sleep "$pause" &
        wait "$!" || :
        pause=1
        if [[ -n $stop ]]; then
            stop=
            # As USR1 always: some launchers end all ranks themselves when they get a TERM.
            kill -USR1 "$command" 2>/dev/null || : # it may have ended
        fi
        if [[ -n $stacks ]]; then
            stacks=
            print_stacks & # a node that hangs may keep srun for long
        fi
    done
    trap '' USR1 TERM USR2
    # The first may still tell of a signal; bash remembers the command's own code.
    wait "$command" || :
    wait "$command" || code=$?
    trap - USR1 TERM USR2
    return "$code"
}

# Sends USR2 to the ranks themselves, node by node: not every mpiexec passes it on, and MPICH's dies of it.
print_stacks() {
    srun --overlap --nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" --ntasks-per-node=1 --cpus-per-task=1 --mem=0 \
        bash "$SLURM_SUBMIT_DIR/jobs/_stacks.sh" || echo "no stacks: srun failed" >&2
}
