"""A run on disk.

folder.py       its folder: settings, state, history and what comes of it
find.py         the one that a command line names
status.py       what became of every run
checkpoint.py   what training goes on from
records.py      the record of a complete run: its type, and its reader
logits.py       a network's outputs to classes and a loss
predictions.py  what its weights made of every test image
integrity.py    whether its files are still what was written
"""
