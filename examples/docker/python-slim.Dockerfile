# A Python worker. firstfix is process 1: it passes output and signals through, reaps orphans, and says why the worker
# died. Build it beside the wheel that tools/release made:
#   docker build -f python-slim.Dockerfile -t worker .
FROM python:3.12-slim

COPY firstfix-*.whl /tmp/
RUN pip install --no-cache-dir /tmp/firstfix-*.whl && rm /tmp/firstfix-*.whl

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .

# Incidents outlive the container where this is a volume. The agent listens inside the container alone.
ENV FIRSTFIX_DIR=/var/lib/firstfix \
    FIRSTFIX_LISTEN=127.0.0.1:9464
VOLUME /var/lib/firstfix

# A model may load for long: what is loading is well, so no start period has to be guessed.
HEALTHCHECK --interval=15s --timeout=5s --retries=2 CMD ["firstfix", "health"]
ENTRYPOINT ["firstfix", "run", "--"]
CMD ["python", "handler.py"]
