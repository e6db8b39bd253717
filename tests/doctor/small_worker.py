"""The doctor's worker with two blocks of EfficientNet's instead of 16, for the time to trace them.

Processes that it starts run this file, too, as __mp_main__, and so have the small network. Whoever
only imports it, as pytest does in search of examples, has not.
"""

import sys

if __name__ in ("__main__", "__mp_main__"):
    from kreproduce.network import architecture, description

    architecture.STAGES = description.STAGES = (architecture.Stage(3, 2, 24, 6, 2),)

if __name__ == "__main__":
    from kreproduce.doctor import worker

    worker.main(sys.argv[1:])
