"""Many runs: which are wanted, which of them are missing, and each in a process of its own.

targets.py    what was asked for -> rows of the paper, or files of settings, or folders of them
plan.py       what is wanted, and what the results folder already has of it
estimate.py   how long what is missing will take
simulate.py   how long that is on so many GPUs
overview.py   all of that in words
places.py     what the command line says of where runs are started
runner.py     so many runs at a time, until all have ended
computer.py   what the runner needs of a place for runs
here.py       this machine as such a place, with its GPUs, or else its cores
cores.py      the cores that this process may use, dealt out to runs side by side
children.py   the command line, the log and the end of one run's process
cluster.py    a Ray cluster as such a place, reached by connection.py
remote.py     a run there: sent, tried again, brought home
node.py       what happens on a machine of the cluster
parcel.py     a run's folder as bytes, for machines that share no storage
tied.py       a process that dies with the one that started it
view.py       how far all runs are, on the terminal
"""
