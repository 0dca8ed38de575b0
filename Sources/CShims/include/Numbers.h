// Number text that C alone reads and prints the way Redis does (strtod, strtold, printf's long
// double), and the kernel's random bytes. Swift sees neither variadic functions nor, on other
// machines than x86-64, long double.
#ifndef FIRN_NUMBERS_H
#define FIRN_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
typedef long double firn_extended;
#else
typedef double firn_extended;
#endif

/// strtod over exactly `count` bytes. Returns 1 and stores the number if the whole text is one that
/// fits (infinities may be spelled out; NaN, leading space and what overflows or vanishes are refused).
int firn_parse_double(const uint8_t *_Nonnull text, size_t count, double *_Nonnull value);
/// strtod up to a NUL byte or the end, leading space allowed, an empty text is zero. Returns 0 for anything else, NaN
/// and, unless it `clamps`, what is out of range, too small included; that becomes an infinity or about zero.
int firn_scan_double(const uint8_t *_Nonnull text, size_t count, int clamps, double *_Nonnull value);
/// firn_parse_double with strtold's range and precision.
int firn_parse_extended(const uint8_t *_Nonnull text, size_t count, firn_extended *_Nonnull value);
/// Prints `%.17g`. `into` holds 32 bytes; returns the length.
int firn_format_double(double value, char *_Nonnull into);
/// Prints `%.*f`; returns the length, of which at most `capacity` - 1 bytes are written.
int firn_format_fixed(double value, int decimals, char *_Nonnull into, size_t capacity);
/// Prints `%.17f` of the extended type. `into` holds `capacity` bytes, at least 5120; returns the length.
int firn_format_extended(firn_extended value, char *_Nonnull into, size_t capacity);
/// Fills `count` bytes from the kernel's random generator; aborts if there is none.
void firn_entropy(void *_Nonnull into, size_t count);

#endif
