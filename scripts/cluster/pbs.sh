#!/bin/sh
# SPDX-License-Identifier: MIT
# PBS (PBS Professional, OpenPBS): a sweep in parts. Not tested on a PBS cluster: the directives are from its manual.
#
#   virtsim sweep ... --print-manifest > sweep.lua
#   qsub -J 1-100 -v PARTS=100 scripts/cluster/pbs.sh
#   virtsim db merge all.db shard-*.db          # again and again, as shards come
#
# A part that is run again makes only what it lacks. Torque names the variable PBS_ARRAYID and takes -t instead of -J.
#PBS -N virtsim-sweep
#PBS -l select=1:ncpus=1:mem=1gb
cd "${PBS_O_WORKDIR:?is set by qsub}" || exit 1
part=${PBS_ARRAY_INDEX:?is set for the tasks of an array}
exec virtsim sweep --manifest sweep.lua --index "$part/${PARTS:?qsub -v PARTS=N}" --quiet -o "shard-$(printf %04d "$part").db"
