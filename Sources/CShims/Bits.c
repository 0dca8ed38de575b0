#include "Bits.h"

#include <string.h>

static inline __attribute__((always_inline)) size_t count_words(const uint8_t *bytes, size_t count) {
  // Four sums, so that each instruction need not wait for the one before it.
  uint64_t sums[4] = {0, 0, 0, 0}, words[4];
  while (count >= sizeof words) {
    memcpy(words, bytes, sizeof words);
    for (int i = 0; i < 4; i++) sums[i] += (uint64_t)__builtin_popcountll(words[i]);
    bytes += sizeof words;
    count -= sizeof words;
  }
  size_t total = (size_t)(sums[0] + sums[1] + sums[2] + sums[3]);
  for (; count >= 8; bytes += 8, count -= 8) {
    memcpy(words, bytes, 8);
    total += (size_t)__builtin_popcountll(words[0]);
  }
  for (; count > 0; bytes++, count--) total += (size_t)__builtin_popcount(*bytes);
  return total;
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static size_t count_with_instruction(const uint8_t *bytes, size_t count) {
  return count_words(bytes, count);
}
#endif

size_t firn_count_bits(const uint8_t *bytes, size_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return count_with_instruction(bytes, count);
#endif
  return count_words(bytes, count);
}
