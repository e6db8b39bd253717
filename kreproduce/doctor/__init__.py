"""Whether this machine, as it is set up, can do what the project is for.

check.py       what one check finds
examination.py all checks, in order
software.py    versions, Keras' own settings, the backend
machine.py     processor and memory
driver.py      the NVIDIA GPUs and their driver
storage.py     the results folder: writable, with room, with locks
datasets.py    the images: prepared, where, original
child.py       a process of its own for whatever needs the backend
worker.py      what that process does
computing.py   devices, threads, the time of a step
projection.py  what a table takes with that time
gpu.py         what is tried on a GPU alone
trial.py       the short trainings that is tried with
"""
