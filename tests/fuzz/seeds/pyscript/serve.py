"""A worker.

import nothing"""
import os, torch.nn as nn
from transformers import (AutoModel,
    AutoTokenizer)
try:
    import flash_attn
except ImportError:
    flash_attn = None
MODEL = r'./model'
m = AutoModel.from_pretrained(MODEL, attn_implementation="flash_attention_2", load_in_4bit = True)  # import this
print(f"loaded {m}", 'it\'s', port==80, b"x" \
    "y")
