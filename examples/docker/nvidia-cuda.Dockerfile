# A worker that is no Python program, or has a Python of its own: the static tarball needs nothing of the image.
#   docker build -f nvidia-cuda.Dockerfile -t worker .
FROM nvidia/cuda:12.8.1-runtime-ubuntu24.04

ADD firstfix-*-linux-x86_64.tar.gz /opt/
RUN ln -s /opt/firstfix-*/bin/firstfix /usr/local/bin/firstfix

WORKDIR /app
COPY . .

# utility: the driver's NVML, by which GPUs are seen. compute alone hides them from firstfix and nvidia-smi.
ENV FIRSTFIX_DIR=/var/lib/firstfix \
    FIRSTFIX_LISTEN=127.0.0.1:9464 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

HEALTHCHECK --interval=15s --timeout=5s --retries=2 CMD ["firstfix", "health"]
# --check: what cannot work on this machine is said before the worker starts.
ENTRYPOINT ["firstfix", "run", "--check", "--"]
CMD ["/app/worker"]
