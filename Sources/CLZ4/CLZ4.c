#include "CLZ4.h"

#include <lz4.h>

uint32_t firn_lz4_compress(const void *from, uint32_t count, void *into, uint32_t capacity) {
  return (uint32_t)LZ4_compress_default(from, into, (int)count, (int)capacity);
}
uint32_t firn_lz4_decompress(const void *from, uint32_t count, void *into, uint32_t capacity) {
  int length = LZ4_decompress_safe(from, into, (int)count, (int)capacity);
  return length < 0 ? 0 : (uint32_t)length;
}
