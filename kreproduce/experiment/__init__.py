"""What decides a result.

settings.py    all settings, in one frozen object with an identity
recipes.py     the authors' values of those that nobody sets
yaml_file.py   settings files
randomness.py  random numbers, functions of seed and epoch
"""
