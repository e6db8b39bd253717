"""The paper's claims about accuracy, decided by the runs on record.

matched: which runs may be compared with which. table: what they made of the test images.
statistics: networks compared over seeds and images. decide: the verdict on each claim. report: all
of it as text, Markdown, CSV or JSON.
"""
