# A RunPod serverless worker (../runpod/handler.py). A failure that no restart cures leaves the worker asleep instead of
# starting, and paying, again and again.
#   docker build -f runpod.Dockerfile -t worker .
FROM runpod/pytorch:2.8.0-py3.11-cuda12.8.1-cudnn-devel-ubuntu22.04

COPY firstfix-*.whl /tmp/
RUN pip install --no-cache-dir /tmp/firstfix-*.whl && rm /tmp/firstfix-*.whl

WORKDIR /app
COPY requirements.txt handler.py ./
RUN pip install --no-cache-dir -r requirements.txt

# The network volume keeps incidents of workers that are gone.
ENV FIRSTFIX_DIR=/runpod-volume/firstfix \
    FIRSTFIX_LISTEN=127.0.0.1:9464 \
    FIRSTFIX_ON_HOPELESS=sleep

HEALTHCHECK --interval=15s --timeout=5s --retries=2 CMD ["firstfix", "health"]
ENTRYPOINT ["firstfix", "run", "--"]
CMD ["python", "-u", "handler.py"]
