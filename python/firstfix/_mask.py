"""Secrets out of text that this process prints itself; what the programs print is masked by them.

Two ways: the values of environment variables whose names speak of secrets, and tokens that are known by their shape.
"""
from __future__ import annotations

import os

NAMES = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "ACCESS_KEY", "CREDENTIAL", "PASSPHRASE", "_PWD", "_PASS", "_KEY")
SHAPES = (r"\bhf_[A-Za-z0-9]{30,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{20,}|\brpa_[A-Za-z0-9]{20,}"
          r"|\bgl[a-z]{2,5}-[\w.-]{20,}|\b(?:gsk|nvapi|r8|xai|pplx|pcsk|fw|dapi|npm|dckr_pat|lin_api|ntn|glsa|tgp_v1|csk|shpat)[_-][\w-]{20,}"
          r"|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bhvs\.[\w-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{30,}|\b\d{7,12}:AA[\w-]{32,34}"
          r"|\bAKIA[A-Z0-9]{16}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
          r"|(?<=Bearer )[A-Za-z0-9._~+/-]{8,}=*|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")


def mask(text: str) -> str:
    """The text with secrets replaced by their length."""
    import re

    for name, value in list(os.environ.items()):
        if len(value) >= 8 and any(word in name.upper() for word in NAMES) and value in text:
            text = text.replace(value, f"[masked, {len(value)} characters]")
    return re.sub(SHAPES, lambda match: f"[masked, {len(match.group())} characters]", text)
