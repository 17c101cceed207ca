# savbench on a Jetson (JetPack 6), from a clone. NVIDIA's torch for the board is in the base image; the general wheel has no
# kernels for a Jetson's GPU. BASE must be of the board's L4T release:
#
#   docker build -f containers/l4t.Dockerfile --build-arg BASE=<NVIDIA's l4t PyTorch image> \
#       --build-arg REVISION="$(git rev-parse HEAD)" -t savbench .
#   docker run --rm --runtime nvidia -v /sys:/sys:ro -v /etc/nvpmodel.conf:/etc/nvpmodel.conf:ro \
#       -v /var/lib/nvpmodel:/var/lib/nvpmodel:ro -v /etc/nv_tegra_release:/etc/nv_tegra_release:ro \
#       -v "$DATA:/data:ro" -v "$PWD/out:/out" savbench run --split-dir /data --models edgetam --dtype float32,float16 --out-dir /out/run
#
# The mounts beside the data are for rails, zones and power mode: without them they are recorded as not told.
ARG BASE
FROM ${BASE}
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc g++ cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libsqlite3-dev sqlite3 libturbojpeg0-dev \
        libpng-dev libjansson-dev libssl-dev libcmocka-dev rsync openssh-client \
    && rm -rf /var/lib/apt/lists/*
ARG REVISION=
COPY . /src
RUN if [ -n "$REVISION" ]; then echo "$REVISION" > /src/REVISION; fi \
    && cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DVB_TESTS=OFF -DVB_PYTHON="$(command -v python3)" \
        -DCMAKE_INSTALL_PREFIX=/usr/local \
    && cmake --build /build -j "$(bash -c '. /src/scripts/deps.sh && deps_jobs')" && cmake --install /build && rm -rf /build
ENV OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ENTRYPOINT ["savbench"]
CMD ["doctor"]
