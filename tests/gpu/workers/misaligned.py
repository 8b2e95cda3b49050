# cause: cuda.launch-failure gpu.app-fault
# fix: code pip: driver hardware
# needs: cupy
import cupy
kernel = cupy.RawKernel('extern "C" __global__ void f(char *p) { *(double *)(p + 1) = 1.0; }', "f")
kernel((1,), (1,), (cupy.zeros(64, dtype=cupy.uint8),))
cupy.cuda.Device().synchronize()
