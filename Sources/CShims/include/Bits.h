// Counting bits with the processor's instruction, which Swift uses only if the whole program demands such a processor.
#ifndef FIRN_BITS_H
#define FIRN_BITS_H

#include <stddef.h>
#include <stdint.h>

/// Ones among the bits of `count` bytes.
size_t firn_count_bits(const uint8_t *_Nonnull bytes, size_t count);

#endif
