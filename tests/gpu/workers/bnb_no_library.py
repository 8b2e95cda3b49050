# cause: bnb.binary-missing
# fix: pip:bitsandbytes env:BNB_CUDA_VERSION
# needs: bitsandbytes
import importlib.util, os, pathlib, shutil, sys, tempfile
# A copy of the package without the libraries of torch's CUDA major version, as an image that was slimmed down would
# have it.
package = pathlib.Path(importlib.util.find_spec("bitsandbytes").origin).parent
site = pathlib.Path(tempfile.mkdtemp())
shutil.copytree(package, site / "bitsandbytes", ignore=shutil.ignore_patterns("libbitsandbytes_cuda1[3-9]*.so"))
for info in package.parent.glob("bitsandbytes-*.dist-info"):
    shutil.copytree(info, site / info.name)
sys.path.insert(0, str(site))
import torch, bitsandbytes
layer = bitsandbytes.nn.Linear4bit(64, 64).cuda()
print(layer(torch.ones(1, 64, device="cuda", dtype=torch.half)))
