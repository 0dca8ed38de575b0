// liblzf, the compressor of strings in RDB files.
#ifndef FIRN_CLZF_H
#define FIRN_CLZF_H

#include <stdint.h>

/// Compresses; returns the compressed length, or 0 if it would not fit `capacity`.
uint32_t firn_lzf_compress(
    const void *_Nonnull from, uint32_t count, void *_Nonnull into, uint32_t capacity);
/// Decompresses; returns the length, or 0 if the input is damaged or longer than `capacity`.
/// Reads and writes inside the given bounds only, whatever the input.
uint32_t firn_lzf_decompress(
    const void *_Nonnull from, uint32_t count, void *_Nonnull into, uint32_t capacity);

#endif
