"""A Ray cluster as a place for the runs of a sweep.

executor.py         the cluster: what of its machines a run gets, and whether they see the results
connect.py          Ray, connected to it
session.py          that connection, as far as a run there needs it
remote_run.py       a run there: sent, tried again, brought home
worker.py           what happens on a machine of the cluster
packing.py          a run's folder as bytes, for machines that share no storage
die_with_parent.py  a process that dies with the one that started it
"""
