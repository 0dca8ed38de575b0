#include "LoadgenShims.h"

#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>

int loadgen_timer_create(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

int loadgen_timer_set(int timer, int64_t monotonic_nanoseconds) {
  struct itimerspec time = {
      .it_value = {.tv_sec = monotonic_nanoseconds / 1000000000, .tv_nsec = monotonic_nanoseconds % 1000000000}};
  return timerfd_settime(timer, TFD_TIMER_ABSTIME, &time, NULL);
}
