// Files, terminals, clocks, signals-as-descriptors. Failure is -errno.
#pragma once
int atoll_open(const char *path, int flags, int mode);
int atoll_close(int fd);
long atoll_read(int fd, void *buffer, unsigned long count);
long atoll_write(int fd, const void *buffer, unsigned long count);
long atoll_pread(int fd, void *buffer, unsigned long count, long offset);
long atoll_file_size(int fd);
int atoll_set_nonblocking(int fd, int on);
int atoll_set_cloexec(int fd, int on);
int atoll_dup(int fd);
long atoll_clock_ns(int clock);            // 0 realtime, 1 monotonic
int atoll_timerfd(void);                   // CLOCK_MONOTONIC, non-blocking
int atoll_timerfd_set(int fd, long deadline_ns); // absolute; 0 disarms
// Blocks the signals of `mask` (bit n-1 = signal n) and returns a non-blocking signalfd for them.
int atoll_signalfd(unsigned long mask);
int atoll_read_signal(int fd);             // signal number, or -errno
int atoll_pipe(int fds[2]);
// poll(2): three parallel arrays; returns the count of ready ones. timeout in nanoseconds, -1 = none.
int atoll_poll(const int *fds, const short *events, short *revents, int count, long timeout_ns);
int atoll_epoll_create(void);
int atoll_epoll_add(int epoll, int fd, unsigned long token);   // EPOLLIN
int atoll_epoll_remove(int epoll, int fd);
// Fills `tokens` with the ready ones, at most `capacity`. timeout in nanoseconds, -1 = none.
int atoll_epoll_wait(int epoll, unsigned long *tokens, int capacity, long timeout_ns);
void atoll_exit(int status) __attribute__((noreturn));   // exit_group, no atexit handlers
