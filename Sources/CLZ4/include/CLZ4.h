// liblz4, the compressor of pages in RAM.
#ifndef FIRN_CLZ4_H
#define FIRN_CLZ4_H

#include <stdint.h>

/// Compresses at most 1 GiB; returns the compressed length, or 0 if it would not fit `capacity`.
uint32_t firn_lz4_compress(
    const void *_Nonnull from, uint32_t count, void *_Nonnull into, uint32_t capacity);
/// Decompresses; returns the length, or 0 if the input is damaged or longer than `capacity`.
/// Reads and writes inside the given bounds only, whatever the input.
uint32_t firn_lz4_decompress(
    const void *_Nonnull from, uint32_t count, void *_Nonnull into, uint32_t capacity);

#endif
