"""A FastAPI service: one line for the requests, none for the model.

    firstfix run -- uvicorn app:app
"""
import os

import firstfix

firstfix.install()

from fastapi import FastAPI  # noqa: E402
from firstfix.integrations.asgi import Middleware  # noqa: E402
from transformers import pipeline  # noqa: E402

MODEL = os.environ.get("MODEL", "distilbert-base-uncased-finetuned-sst-2-english")
app = FastAPI()
app.add_middleware(Middleware, model=MODEL)
classify = pipeline("text-classification", model=MODEL)


@app.post("/classify")
def classify_text(body: dict):
    """{"text": ...} in, label and score out."""
    return classify(body["text"])[0]


@app.get("/check")
def check():
    """What will fail on this machine, for a load balancer's health check."""
    return dict(firstfix.check())
