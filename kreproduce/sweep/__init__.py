"""Many runs: which are wanted, which of them are missing, and each in a process of its own.

targets.py    what was asked for -> rows of the paper, or files of settings
plan.py       what is wanted, and what the results folder already has of it
estimate.py   how long what is missing will take
children.py   the command line, the log and the end of one run's process
runner.py     so many processes at a time, until all have ended
view.py       how far they all are, on the terminal
"""
