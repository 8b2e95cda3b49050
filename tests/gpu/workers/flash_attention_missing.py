# cause: flash-attn.missing
# fix: pip:flash-attn param:attn_implementation
import tempfile, torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
folder = tempfile.mkdtemp()
LlamaForCausalLM(
    LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
).save_pretrained(folder)
AutoModelForCausalLM.from_pretrained(
    folder, attn_implementation="flash_attention_2", dtype=torch.bfloat16, device_map="cuda"
)
