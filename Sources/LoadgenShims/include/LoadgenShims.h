// What the load generator needs of timerfd, which Swift's Glibc module doesn't show.
#ifndef LOADGEN_SHIMS_H
#define LOADGEN_SHIMS_H

#include <stdint.h>

/// A non-blocking timer descriptor of the monotonic clock, or -1 with errno.
int loadgen_timer_create(void);
/// Makes the timer expire once at `monotonic_nanoseconds`; replaces what was set before. Returns 0 or -1 with errno.
int loadgen_timer_set(int timer, int64_t monotonic_nanoseconds);

#endif
