// Platform: the operating system, one wrapper per thing that is used of it.
//
// Threads (`Thread`, `RecurringThread`), locks (`LockWord` inside others' memory, `Monitor` for queues), clocks
// (`Clock`), sockets, epoll and files. Every system call of the server is made here (or in RocksDB), so this is also
// the seam at which tests inject faults. EINTR is retried, would-block is a value, EBADF and EFAULT are bugs and trap.
