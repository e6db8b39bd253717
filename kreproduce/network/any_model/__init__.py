"""The method for any Keras model: its pointwise layers replaced by grouped ones.

graph.py     a model's layers and operations, and what each call reads
units.py     its pointwise layers, each with what follows it alone, or why it stays
cost.py      any model counted by the paper's rules
plan.py      which of them are replaced, and by what: from a model and Ch to a report
report.py    that report: rows, totals, text and JSON
group.py     the copy of the model in which they are replaced
check.py     checks of a grouped model, for any model
sources.py   a model by name or from a file
families.py  twelve of Keras' own, each grouped and checked
"""
