"""How fast it is, measured.

benches.py              each bench: prepares the process, measures, returns results
case.py                 what is measured: a network by its name, and how it is fed
steps.py                training steps and inference of real models
networks.py             networks side by side
memory.py               the memory that training on the largest set takes
bandwidth.py            how fast memory copies, and what a step moves through it
startup.py              how long commands take to start
parallel.py             several trainings in parallel on one device
steps_per_execution.py  how many steps between two returns to Python are fastest
peers.py                our networks beside those of other libraries, each in a process
peers_timm.py           timm's EfficientNet-B0 in PyTorch
peers_onnx.py           what is exported, in ONNX Runtime
growth.py               the commands that read all records, against how many there are
timing.py               several things timed in turn
conditions.py           what bears on a measured time besides
results.py              what was measured, with its conditions, as files
"""
