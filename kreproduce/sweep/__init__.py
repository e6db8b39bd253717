"""Many runs: which are wanted, which of them are missing, and each in a process of its own.

targets.py    what was asked for -> rows of the paper, or files of settings, or folders of them
wanted.py     the experiments that these mean, and the images that they need
plan.py       what is wanted, and what the results folder already has of it
estimate.py   how long what is missing will take
simulate.py   how long that is on so many GPUs
preview.py    all of that in words
options.py    what the command line says of where runs are started
runner.py     so many runs at a time, until all have ended
executor.py   what the runner needs of a place for runs
local.py      this machine as such a place, with its GPUs, or else its cores
cores.py      the cores that this process may use, dealt out to runs side by side
process.py    the command line, the log and the end of one run's process
display.py    how far all runs are, on the terminal
ray_cluster/  a Ray cluster as such a place
"""
