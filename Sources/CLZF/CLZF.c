#include "CLZF.h"

#include <liblzf/lzf.h>

uint32_t firn_lzf_compress(const void *from, uint32_t count, void *into, uint32_t capacity) {
  return lzf_compress(from, count, into, capacity);
}
uint32_t firn_lzf_decompress(const void *from, uint32_t count, void *into, uint32_t capacity) {
  return lzf_decompress(from, count, into, capacity);
}
