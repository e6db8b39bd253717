"""The process and the disk: files, locks, signals, the backend, the GPUs of the machine."""
