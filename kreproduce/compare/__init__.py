"""Two runs, or a run and somebody's curves, beside each other.

runs.py    two finished runs: what differs, and a test of the two networks
curves.py  the curves of a training, read from a CSV file
gaps.py    how far two trainings are apart, epoch by epoch
plot.py    both curves, drawn
text.py    the gaps in words and numbers
"""
