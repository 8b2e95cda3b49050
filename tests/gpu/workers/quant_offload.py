# cause: quant.offload-unsupported
# fix: param: free-gpu hardware
# needs: bitsandbytes
import tempfile, torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
folder = tempfile.mkdtemp()
LlamaForCausalLM(LlamaConfig(vocab_size=32000, hidden_size=1024, intermediate_size=2048, num_hidden_layers=8,
                             num_attention_heads=8)).save_pretrained(folder)
AutoModelForCausalLM.from_pretrained(folder, quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map={
    "model.embed_tokens": 0, "model.layers": "cpu", "model.norm": 0, "model.rotary_emb": 0, "lm_head": 0})
