# vLLM's server with a recorder: a death of the engine is explained where its log is cut off, and what an environment
# variable cures is tried once.
#   docker build -f vllm.Dockerfile -t vllm-worker . && docker run --gpus all -p 8000:8000 vllm-worker --model MODEL
FROM vllm/vllm-openai:v0.11.0

COPY firstfix-*.whl /tmp/
RUN pip install --no-cache-dir /tmp/firstfix-*.whl && rm /tmp/firstfix-*.whl

ENV FIRSTFIX_DIR=/var/lib/firstfix \
    FIRSTFIX_LISTEN=127.0.0.1:9464

HEALTHCHECK --interval=15s --timeout=5s --retries=2 CMD ["firstfix", "health"]
ENTRYPOINT ["firstfix", "run", "--recover", "env", "--attempts", "2", "--", \
            "python3", "-m", "vllm.entrypoints.openai.api_server"]
