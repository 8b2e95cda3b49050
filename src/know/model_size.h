// How much memory weights take at a quantization, and how many a model of a shape has at least.
#pragma once

#include "base/str.h"
#include "parse/model_file.h"

/** Thousandths of a bit that one weight takes under a scheme ("bf16" 16000, "nf4" 4500, "int8", "gptq-4", ...), with
    the scales that go with it; 0 when the scheme is not known. */
uint64_t ff_know_bits_per_weight(const char *scheme);

/** Bytes of `parameters` weights under a scheme; false when the scheme is not known or the number overflows. Embeddings
    and the output layer usually stay in 16 bits: count those apart. */
bool ff_know_weight_bytes(uint64_t parameters, const char *scheme, uint64_t *ret);

/** The least number of weights that a dense model of this shape has: attention, feed-forward part (of 2.7 times the
    hidden size where its own is not said) and embedding. False when the shape does not say enough, as with many small
    experts. */
bool ff_know_least_parameters(const struct ff_model_shape *shape, uint64_t *ret);
