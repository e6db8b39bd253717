"""A run in motion: what a network is shown, how it is trained and tested.

request.py              what was asked for: settings in layers, and where the images lie
run_experiment.py       train, test and record it: `kreproduce run`, for Python callers
lifecycle.py            the life of a run, from its beginning to its record; knows no Keras
progress.py             how far it is, and what of that a checkpoint holds
sessions.py             what has changed from one session of a run to the next, in words
learner.py              the network, as the life cycle trains and tests it
model.py                the Keras model: images and warps in, logits out, compiled
other_model.py          another network than the paper's, from Keras or out of a file
optimizer.py            the authors' RMSprop
schedule.py             the cyclical learning rate
batches.py              views in batches, and the seeds of dropout
store.py                images that stay on the device
interruptible.py        Keras' loops, ended between two batches and taken up again
state.py                a model's variables as arrays
evaluation.py           the test images through a trained model
devices.py              the devices that compute, and how several share a batch
steps_per_execution.py  how many steps between two returns to Python
cluster.py              several machines for one run, refused
out_of_memory.py        a full memory, as one sentence
conditions.py           under which conditions a run computes
record.py               the record of a complete run
console.py              what a run says on the terminal
"""
