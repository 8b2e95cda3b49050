// The part of the CUDA driver API's ABI that we use, declared by us: numbers and sizes only.
// Source: the attribute and error numbers documented in the CUDA driver API reference; stable since CUDA 4.
#pragma once

typedef int ff_cuda_device;

enum {
	CUDA_OK = 0,
	CUDA_NOT_INITIALIZED = 3,
	CUDA_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1,
	CUDA_ATTRIBUTE_SM_COUNT = 16,
	CUDA_ATTRIBUTE_MAJOR = 75,
	CUDA_ATTRIBUTE_MINOR = 76,
};

struct cuda_uuid {
	unsigned char bytes[16];
};
