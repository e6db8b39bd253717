"""`python -m kreproduce`."""

from kreproduce.system.interpreter import leave_out_the_working_folder

leave_out_the_working_folder()

from kreproduce.cli import main  # noqa: E402

main()
