#include "Numbers.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

// strtod wants a terminated text and a slice has none: short ones are copied to the stack.
enum { ON_STACK = 256 };

static char *terminated(const uint8_t *text, size_t count, char *stack) {
  char *copy = count < ON_STACK ? stack : malloc(count + 1);
  if (copy == NULL) abort();
  memcpy(copy, text, count);
  copy[count] = 0;
  return copy;
}

int firn_parse_double(const uint8_t *text, size_t count, double *value) {
  if (count == 0 || isspace(text[0])) return 0;
  char stack[ON_STACK], *end;
  char *copy = terminated(text, count, stack);
  errno = 0;
  double parsed = strtod(copy, &end);
  // ERANGE of a subnormal result is no failure.
  int out_of_range = errno == ERANGE && (isinf(parsed) || parsed == 0);
  int whole = (size_t)(end - copy) == count;
  if (copy != stack) free(copy);
  if (!whole || out_of_range || isnan(parsed)) return 0;
  *value = parsed;
  return 1;
}

int firn_scan_double(const uint8_t *text, size_t count, int clamps, double *value) {
  char stack[ON_STACK], *end;
  char *copy = terminated(text, count, stack);
  errno = 0;
  double parsed = strtod(copy, &end);
  int whole = *end == 0;
  if (copy != stack) free(copy);
  if (!whole || (errno == ERANGE && !clamps) || isnan(parsed)) return 0;
  *value = parsed;
  return 1;
}

int firn_parse_extended(const uint8_t *text, size_t count, firn_extended *value) {
  if (count == 0 || isspace(text[0])) return 0;
  char stack[ON_STACK], *end;
  char *copy = terminated(text, count, stack);
  errno = 0;
#if defined(__x86_64__)
  firn_extended parsed = strtold(copy, &end);
#else
  firn_extended parsed = strtod(copy, &end);
#endif
  // Redis asks for HUGE_VAL, an infinity also as a long double, or zero; a subnormal result is no failure.
  int out_of_range = errno == ERANGE && (isinf(parsed) || parsed == 0);
  int whole = (size_t)(end - copy) == count;
  if (copy != stack) free(copy);
  if (!whole || out_of_range || isnan(parsed)) return 0;
  *value = parsed;
  return 1;
}

int firn_format_double(double value, char *into) { return snprintf(into, 32, "%.17g", value); }

int firn_format_fixed(double value, int decimals, char *into, size_t capacity) {
  return snprintf(into, capacity, "%.*f", decimals, value);
}

int firn_format_extended(firn_extended value, char *into, size_t capacity) {
#if defined(__x86_64__)
  return snprintf(into, capacity, "%.17Lf", value);
#else
  return snprintf(into, capacity, "%.17f", value);
#endif
}

void firn_entropy(void *into, size_t count) {
  char *at = into;
  while (count > 0) {
    ssize_t got = getrandom(at, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) abort();
    at += got;
    count -= (size_t)got;
  }
}
