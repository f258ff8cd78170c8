# shellcheck shell=bash
# Sourced after _environment.sh by job scripts that go on in another job where their time was not enough.

# Runs a command as "run" does. Where USR1 stopped it (Slurm's warning that the time limit is near), puts the job back
# into the queue under its own id; the command, started again, must go on from its checkpoint.
#   run_until_finished RESULTS-FILE COMMAND...
# Job arrays: the task alone goes back. After scancel, a failure or a stop without any progress nothing does.
run_until_finished() {
    local results=$1 code=0 before
    shift
    before=$(newest_checkpoint "$results")
    run "$@" || code=$?
    # shellcheck disable=SC2154  # "run" sets it
    [[ $code == 85 && $stopped_by == USR1 ]] || return "$code"
    if [[ $(newest_checkpoint "$results") == "$before" ]]; then
        echo "stopped without having come further: not requeued; raise --time" >&2
        return "$code"
    fi
    # Said first: SLURM ends the job at once.
    echo "$(date '+%F %T')  back into the queue, to go on from $(newest_checkpoint "$results")"
    scontrol requeue "$SLURM_JOB_ID" && return
    echo "it is saved but could not be requeued: submit the same command again, with this --output and --resume" >&2
    return "$code"
}

# The results file that a command line names: the last --output, or the first argument where there is none.
output_of() {
    local results=$1 before='' word
    shift
    for word in "$@"; do
        [[ $before != --output ]] || results=$word
        [[ $word != --output=* ]] || results=${word#--output=}
        before=$word
    done
    echo "$results"
}

# Name of the newest checkpoint, which holds the number of updates; nothing where there is none.
newest_checkpoint() {
    local found=("$1".checkpoint-*.npz)
    [[ ! -e ${found[-1]} ]] || echo "${found[-1]}"
}
