# kreproduce on an NVIDIA GPU; docs/install.md says how to use it, and what of it was never run.
FROM tensorflow/tensorflow:2.21.0-gpu

# For the commit in a run's record; whoever runs the container may be another than its owner.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /kreproduce

# The image's cuDNN is older than its TensorFlow wants. What computes is installed beside it, in an
# environment of its own and in the versions of the locks; of the image's libraries it sees none, only
# those that the driver of the host puts here.
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
WORKDIR /kreproduce
COPY . .
RUN python3 -m venv /opt/kreproduce \
    && /opt/kreproduce/bin/pip install --no-cache-dir \
        --constraint requirements.lock --constraint requirements-cuda.lock --editable '.[cuda]'

ENV PATH=/opt/kreproduce/bin:$PATH HOME=/tmp TFDS_DATA_DIR=/data
ENTRYPOINT ["kreproduce"]
CMD ["doctor"]
