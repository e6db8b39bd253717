"""The process and the disk; nothing here knows of networks or runs.

files.py         files that others may find at any moment, or have put there
disk.py          what a file system may not offer
outputs.py       what a command leaves where its user says
npz.py           NumPy's .npz files of unknown origin
strict.py        the kind of object that settings and records are read into
lock.py          who is using a run
interruption.py  requests to stop
notice.py        what this process cannot promise, said once
quiet.py         silence around the import of TensorFlow
interpreter.py   Python processes, kept from the user's own modules
scheduling.py    what this process asks of the cores and the memory
provenance.py    the time, and the commit of the code
backend.py       the library that Keras computes with
gpus.py          the NVIDIA GPUs of this machine
nvidia.py        NVIDIA's libraries, found for TensorFlow
unseen_gpus.py   why a backend sees no GPU, and what mends it
"""
