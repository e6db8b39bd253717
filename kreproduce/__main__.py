"""`python -m kreproduce`."""

from kreproduce.cli import main

main()
