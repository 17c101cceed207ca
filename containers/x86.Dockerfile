# savbench on an x86 machine with NVIDIA GPUs, from a clone:
#
#   docker build -f containers/x86.Dockerfile --build-arg REVISION="$(git rev-parse HEAD)" -t savbench .
#   docker run --rm --gpus all --cap-add SYS_PTRACE -v "$DATA:/data:ro" -v "$PWD/out:/out" savbench \
#       run --split-dir /data --models edgetam --weights-dir /data/checkpoints --dtype float32,bfloat16 --out-dir /out/run
#
# The image brings torch's own CUDA libraries; the host brings the driver, and with it libnvidia-ml.so.1 for power and energy.
FROM ubuntu:24.04
ARG TORCH=torch==2.13.0
ENV DEBIAN_FRONTEND=noninteractive VB_PYTHON=/opt/torch/bin/python
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc g++ cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libsqlite3-dev sqlite3 libturbojpeg0-dev \
        libpng-dev libjansson-dev libssl-dev libcmocka-dev python3-venv rsync openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/torch && /opt/torch/bin/pip install --no-cache-dir "$TORCH" numpy
ARG REVISION=
COPY . /src
RUN if [ -n "$REVISION" ]; then echo "$REVISION" > /src/REVISION; fi \
    && cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DVB_TESTS=OFF -DVB_PYTHON="$VB_PYTHON" -DCMAKE_INSTALL_PREFIX=/usr/local \
    && cmake --build /build -j "$(bash -c '. /src/scripts/deps.sh && deps_jobs')" && cmake --install /build && rm -rf /build
# mpirun within the container is root's.
ENV OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ENTRYPOINT ["savbench"]
CMD ["doctor"]
