#define _GNU_SOURCE  // pthread_setaffinity_np; not in the header: it would clash with Swift's Glibc module
#include "CShims.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

// jemalloc brings its own under the same name.
size_t firn_block_size(const void *block) { return malloc_usable_size((void *)block); }

#ifdef FIRN_JEMALLOC
#include <jemalloc/jemalloc.h>

// One arena per core: threads that allocate and threads that free use the same few, so slabs don't stay half empty.
// Freed pages go back to the kernel after a second.
const char *malloc_conf = "percpu_arena:percpu,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true";

void *firn_allocate(size_t size) {
  void *p = mallocx(size, 0);
  if (__builtin_expect(p == NULL, 0)) abort();
  return p;
}
void firn_deallocate(void *pointer, size_t size) { sdallocx(pointer, size, 0); }
size_t firn_allocator_statistic(const char *name) {
  size_t value = 0, length = sizeof value;
  return mallctl(name, &value, &length, NULL, 0) == 0 ? value : 0;
}
void firn_allocator_refresh(void) {
  uint64_t epoch = 1;
  size_t length = sizeof epoch;
  mallctl("epoch", &epoch, &length, &epoch, length);
}
void firn_allocator_purge(void) {
  char name[64];
  snprintf(name, sizeof name, "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
  mallctl(name, NULL, NULL, NULL, 0);
}
const char *firn_allocator_name(void) { return "jemalloc-5.3.0"; }
void firn_allocator_background(int on) {
  _Bool value = on != 0;
  mallctl("background_thread", NULL, NULL, &value, sizeof value);
}
#else
void *firn_allocate(size_t size) {
  void *p = malloc(firn_allocation_size(size));
  if (__builtin_expect(p == NULL, 0)) abort();
  return p;
}
void firn_deallocate(void *pointer, size_t size) { (void)size; free(pointer); }
size_t firn_allocator_statistic(const char *name) { (void)name; return 0; }
void firn_allocator_refresh(void) {}
void firn_allocator_purge(void) {}
const char *firn_allocator_name(void) { return "libc"; }
void firn_allocator_background(int on) { (void)on; }
#endif

void *firn_map_zeros(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) abort();
  return p;
}
void firn_unmap(void *pointer, size_t size) { munmap(pointer, size); }

int firn_futex_wait(const void *word, uint32_t expected, int64_t timeout_nanoseconds) {
  struct timespec limit, *pointer = NULL;
  if (timeout_nanoseconds >= 0) {
    limit.tv_sec = timeout_nanoseconds / 1000000000;
    limit.tv_nsec = timeout_nanoseconds % 1000000000;
    pointer = &limit;
  }
  return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, pointer, NULL, 0) == 0 ? 0 : errno;
}
void firn_futex_wake(const void *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
int firn_pin_thread(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}
void firn_yield_to_others(int nice) {
  struct sched_param none = {0};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice);
}
void firn_name_thread(const char *name) {
  char kept[16];
  strncpy(kept, name, sizeof kept - 1);
  kept[sizeof kept - 1] = 0;
  pthread_setname_np(pthread_self(), kept);
}
int firn_thread_id(void) { return (int)syscall(SYS_gettid); }

int firn_accept(int listener, void *address, socklen_t *length) {
  int fd;
  do fd = accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC); while (fd < 0 && errno == EINTR);
  return fd >= 0 ? fd : -errno;
}
void firn_eventfd_signal(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

int firn_daemonize(void) {
  pid_t child = fork();
  if (child < 0) return errno;
  if (child > 0) _exit(0);
  setsid();
  int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (null > 2) close(null);
  }
  return 0;
}
static long raise_file_limit(long wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  if (limit.rlim_cur >= (rlim_t)wanted) return (long)limit.rlim_cur;
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = (rlim_t)wanted;
  if (limit.rlim_max < (rlim_t)wanted) limit.rlim_max = (rlim_t)wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return wanted;
  // Not allowed to raise the hard limit: take what there is.
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > before) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return (long)limit.rlim_cur;
  }
  return (long)before;
}

long firn_raise_file_limit(long wanted) {
  const long limit = raise_file_limit(wanted);
  const long most = limit < wanted ? limit : wanted;
  // The table never shrinks: a descriptor at its end, for a moment, makes it as large as it will become.
  const int last = most > 0 ? fcntl(0, F_DUPFD_CLOEXEC, (int)most - 1) : -1;
  if (last >= 0) close(last);
  return limit;
}

__attribute__((no_sanitize("thread"))) uint64_t firn_unlocked_word_unseen(const void *address) {
  return *(const volatile uint64_t *)address;
}
