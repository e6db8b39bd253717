"""What was reproduced, to look at: figures, and one page of everything.

charts.py           each figure, as data and Vega-Lite views
drawing.py          figures as SVG, PNG and PDF files
page.py             the report's sections, in their order
formats.py          a page as one HTML file, and as Markdown
"""
