#!/usr/bin/env bash
# A sweep as an array of Slurm jobs, a GPU each. On the login node, once:
#
#   kreproduce data prepare cifar10
#   sbatch docs/slurm-array.sh 5 --seeds 1,2,3
#
# The arguments are those of `kreproduce sweep`, the same for all jobs of an array. Job I trains
# every 8th run of the plan, from the I-th on. Submitted again, whole or as --array=3, the array
# goes on with what is missing.
#SBATCH --job-name=kreproduce
#SBATCH --array=1-8
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
# So long before the end of the time the runs are told to save what they have done.
#SBATCH --signal=USR1@300
#SBATCH --output=slurm-%A-%a.txt
set -euo pipefail

SHARDS=8 # as in --array above
# Since version 22.05 srun does not take over what the job asked for.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"

exec srun kreproduce sweep "$@" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS"
