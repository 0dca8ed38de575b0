// What Swift's Glibc module does not show, and what needs C's inlining: the allocator with sizes,
// epoll, accept4, futex and thread affinity. Nothing here has policy.
#ifndef FIRN_CSHIMS_H
#define FIRN_CSHIMS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/futex.h>
#include <unistd.h>

#include "Bits.h"
#include "Numbers.h"

// Allocation. With jemalloc the size passed at release saves it a look-up; without (sanitizer
// builds) the calls fall back to malloc.

/// Bytes that the allocator really sets aside for a request of `size` bytes. `size` > 0. jemalloc's size classes,
/// without the call: 8, multiples of 16 up to 128, then four classes to each doubling (its manual, "Implementation
/// notes").
static inline size_t firn_allocation_size(size_t size) {
  if (size <= 8) return 8;
  int doubling = 63 - __builtin_clzll(2 * (unsigned long long)size - 1);
  size_t step = (size_t)1 << (doubling > 7 ? doubling - 3 : 4);
  return (size + step - 1) & ~(step - 1);
}
/// Bytes that the allocator set aside for `block`, which it has handed out.
size_t firn_block_size(const void *_Nonnull block);
/// Allocates `size` bytes, aligned to 16 where size >= 16. Aborts when memory is out, as Swift does.
void *_Nonnull firn_allocate(size_t size);
/// Releases what `firn_allocate(size)` returned; `size` is the size asked for then.
void firn_deallocate(void *_Nonnull pointer, size_t size);
/// Reads a 64-bit or size_t statistic of jemalloc ("stats.allocated", ...); 0 where there is none.
size_t firn_allocator_statistic(const char *_Nonnull name);
/// Advances jemalloc's statistics epoch, so that the next readings are fresh.
void firn_allocator_refresh(void);
/// Gives unused dirty pages back to the kernel.
void firn_allocator_purge(void);
/// "jemalloc-5.3.0" or "libc".
const char *_Nonnull firn_allocator_name(void);
/// Makes jemalloc return freed pages from its own background threads.
void firn_allocator_background(int on);

/// Maps `size` bytes of zeros, of which the kernel provides those that are written to. Aborts when it can't.
void *_Nonnull firn_map_zeros(size_t size);
/// Gives back what `firn_map_zeros(size)` returned.
void firn_unmap(void *_Nonnull pointer, size_t size);

// Threads.

/// Sleeps while `*word == expected`; returns 0 or an errno (EAGAIN, EINTR, ETIMEDOUT).
/// `timeout_nanoseconds` < 0 waits without limit.
int firn_futex_wait(const void *_Nonnull word, uint32_t expected, int64_t timeout_nanoseconds);
/// Wakes at most `count` sleepers on `word`.
void firn_futex_wake(const void *_Nonnull word, int count);
/// Pins the calling thread to one core. Returns 0 or an errno.
int firn_pin_thread(int core);
/// Has the calling thread interrupt no other when it is woken (SCHED_BATCH), and gives it this niceness.
void firn_yield_to_others(int nice);
/// Names the calling thread (at most 15 bytes are kept).
void firn_name_thread(const char *_Nonnull name);
/// The kernel's id of the calling thread.
int firn_thread_id(void);

/// Detaches from the terminal: forks, ends the parent, starts a session, points the standard streams at /dev/null.
/// Only before any thread is started. Returns 0 in the child, or an errno.
int firn_daemonize(void);
/// Raises the limit of open files to `wanted` if it may; returns the limit in force. The process' table of descriptors
/// is made large enough for them at once: where threads share it Linux makes whoever opens the one too many wait for
/// all processors to have let go of the old table, 20 to 40 milliseconds in which that thread, an event loop that
/// accepts, does nothing else.
long firn_raise_file_limit(long wanted);

static inline void firn_spin_hint(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// Sockets and epoll. Transfers return the bytes moved or -errno; EINTR is retried.

// What the event loops call for each request goes through syscall(): the C library's functions of these names are
// cancellation points, which costs two locked instructions a call. The thread sanitizer knows them only by name.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIRN_NAMED_CALLS 1
#endif
#endif
#ifdef FIRN_NAMED_CALLS
static inline int firn_raw_epoll_wait(int poller, struct epoll_event *_Nonnull events, int room, int milliseconds) {
  return epoll_wait(poller, events, room, milliseconds);
}
static inline ssize_t firn_raw_receive(int fd, void *_Nonnull memory, size_t room) { return recv(fd, memory, room, 0); }
static inline ssize_t firn_raw_send(int fd, const void *_Nonnull memory, size_t count) {
  return send(fd, memory, count, MSG_NOSIGNAL);
}
#else
static inline int firn_raw_epoll_wait(int poller, struct epoll_event *_Nonnull events, int room, int milliseconds) {
  return (int)syscall(SYS_epoll_pwait, poller, events, room, milliseconds, NULL, 0);
}
static inline ssize_t firn_raw_receive(int fd, void *_Nonnull memory, size_t room) {
  return syscall(SYS_recvfrom, fd, memory, room, 0, NULL, NULL);
}
static inline ssize_t firn_raw_send(int fd, const void *_Nonnull memory, size_t count) {
  return syscall(SYS_sendto, fd, memory, count, MSG_NOSIGNAL, NULL, 0);
}
#endif
/// Waits for events; `timeout_milliseconds` < 0: without limit. Returns their number or -errno (never -EINTR: 0 then).
static inline int firn_epoll_wait(int poller, struct epoll_event *_Nonnull events, int room, int timeout_milliseconds) {
  int n = firn_raw_epoll_wait(poller, events, room, timeout_milliseconds);
  return n >= 0 ? n : errno == EINTR ? 0 : -errno;
}
/// Puts `fd` under watch (operation EPOLL_CTL_ADD) or changes what is watched (EPOLL_CTL_MOD). Returns 0 or an errno.
static inline int firn_epoll_control(int poller, int operation, int fd, uint32_t interest, uint64_t token) {
  struct epoll_event event;
  event.events = interest;
  event.data.u64 = token;
  return epoll_ctl(poller, operation, fd, &event) == 0 ? 0 : errno;
}
static inline uint64_t firn_event_token(const struct epoll_event *_Nonnull event) { return event->data.u64; }
static inline uint32_t firn_event_flags(const struct epoll_event *_Nonnull event) { return event->events; }
static inline ssize_t firn_receive(int fd, void *_Nonnull memory, size_t room) {
  ssize_t n;
  do n = firn_raw_receive(fd, memory, room); while (n < 0 && errno == EINTR);
  return n >= 0 ? n : -(ssize_t)errno;
}
static inline ssize_t firn_send(int fd, const void *_Nonnull memory, size_t count) {
  ssize_t n;
  do n = firn_raw_send(fd, memory, count); while (n < 0 && errno == EINTR);
  return n >= 0 ? n : -(ssize_t)errno;
}
static inline ssize_t firn_send_gathered(int fd, struct iovec *_Nonnull parts, size_t count) {
  struct msghdr message;
  ssize_t n;
  memset(&message, 0, sizeof message);
  message.msg_iov = parts;
  message.msg_iovlen = count;
  do n = sendmsg(fd, &message, MSG_NOSIGNAL); while (n < 0 && errno == EINTR);
  return n >= 0 ? n : -(ssize_t)errno;
}
/// accept4 with SOCK_NONBLOCK and SOCK_CLOEXEC: the descriptor or -errno.
int firn_accept(int listener, void *_Nonnull address, socklen_t *_Nonnull length);
/// An 8-byte write to an eventfd.
void firn_eventfd_signal(int fd);


/// A counter that runs at a constant rate on every core; see Platform/Ticks for the rate.
static inline uint64_t firn_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#endif
}

/// Reads a word that other threads write under a lock which the reader doesn't have: what comes may be out of date, but
/// is a value that stood there. For hints only.
static inline uint64_t firn_unlocked_word(const void *_Nonnull address) {
  return __atomic_load_n((const uint64_t *)address, __ATOMIC_RELAXED);
}
/// The same for builds with the thread sanitizer, which is told not to look: the writers' side is plain. A function of
/// its own in CShims.c, since Swift's importer of headers doesn't know of the sanitizer.
uint64_t firn_unlocked_word_unseen(const void *_Nonnull address);

static inline void firn_prefetch(const void *_Nonnull address) { __builtin_prefetch(address, 0, 3); }

#endif
