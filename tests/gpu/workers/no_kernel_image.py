# cause: torch.no-kernel-image
# fix: rebuild: env:TORCH_CUDA_ARCH_LIST pip: hardware
import pathlib, subprocess, sys, tempfile
SOURCE = r"""
#include <cstdio>
__global__ void f(float *x) { *x = 1; }
int main() {
    float *x; cudaMalloc(&x, 4); f<<<1, 1>>>(x);
    cudaError_t e = cudaDeviceSynchronize(); if (e == cudaSuccess) e = cudaGetLastError();
    if (e != cudaSuccess) { fprintf(stderr, "CUDA error: %s\n", cudaGetErrorString(e)); return 1; }
}
"""
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "f.cu").write_text(SOURCE)
subprocess.run(["nvcc", "-gencode", "arch=compute_100,code=sm_100", folder / "f.cu", "-o", folder / "f"], check=True)
sys.exit(subprocess.run([folder / "f"]).returncode)
