#include "atoll_files.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CHECK(call) ({ long r_ = (call); r_ < 0 ? -(long)errno : r_; })
#define RETRY(call) ({ long r_; do { r_ = (call); } while (r_ < 0 && errno == EINTR); r_ < 0 ? -(long)errno : r_; })

int atoll_open(const char *path, int flags, int mode) { return (int)RETRY(open(path, flags | O_CLOEXEC, mode)); }
int atoll_close(int fd) { return (int)CHECK(close(fd)); }
long atoll_read(int fd, void *buffer, unsigned long count) { return RETRY(read(fd, buffer, count)); }
long atoll_write(int fd, const void *buffer, unsigned long count) { return RETRY(write(fd, buffer, count)); }
long atoll_pread(int fd, void *buffer, unsigned long count, long offset) {
  return RETRY(pread(fd, buffer, count, offset));
}
long atoll_file_size(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0) return -errno;
  return st.st_size;
}
static int set_flag(int fd, int get, int set, int bit, int on) {
  int flags = fcntl(fd, get);
  if (flags < 0) return -errno;
  return (int)CHECK(fcntl(fd, set, on ? flags | bit : flags & ~bit));
}
int atoll_set_nonblocking(int fd, int on) { return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on); }
int atoll_set_cloexec(int fd, int on) { return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on); }
int atoll_dup(int fd) { return (int)CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
long atoll_clock_ns(int clock) {
  struct timespec ts;
  if (clock_gettime(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts) < 0) return -errno;
  return ts.tv_sec * 1000000000L + ts.tv_nsec;
}
int atoll_timerfd(void) { return (int)CHECK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)); }
int atoll_timerfd_set(int fd, long deadline_ns) {
  struct itimerspec it = {.it_value = {deadline_ns / 1000000000L, deadline_ns % 1000000000L}};
  return (int)CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, 0));
}
int atoll_signalfd(unsigned long mask) {
  sigset_t set;
  sigemptyset(&set);
  for (int n = 1; n <= 64; n++)
    if (mask & (1UL << (n - 1))) sigaddset(&set, n);
  if (sigprocmask(SIG_BLOCK, &set, 0) < 0) return -errno;
  return (int)CHECK(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}
int atoll_read_signal(int fd) {
  struct signalfd_siginfo info;
  long got = RETRY(read(fd, &info, sizeof info));
  return got < 0 ? (int)got : (int)info.ssi_signo;
}
int atoll_pipe(int fds[2]) { return (int)CHECK(pipe2(fds, O_CLOEXEC)); }
static struct timespec span(long ns) { return (struct timespec){ns / 1000000000L, ns % 1000000000L}; }
int atoll_poll(const int *fds, const short *events, short *revents, int count, long timeout_ns) {
  struct pollfd set[128];
  if (count < 0 || count > 128) return -EINVAL;
  for (int i = 0; i < count; i++) set[i] = (struct pollfd){fds[i], events[i], 0};
  struct timespec ts = span(timeout_ns < 0 ? 0 : timeout_ns);
  int ready = ppoll(set, (nfds_t)count, timeout_ns < 0 ? 0 : &ts, 0);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) revents[i] = set[i].revents;
  return ready;
}
int atoll_epoll_create(void) { return (int)CHECK(epoll_create1(EPOLL_CLOEXEC)); }
int atoll_epoll_add(int epoll, int fd, unsigned long token) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
  return (int)CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
int atoll_epoll_remove(int epoll, int fd) { return (int)CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0)); }
int atoll_epoll_wait(int epoll, unsigned long *tokens, int capacity, long timeout_ns) {
  struct epoll_event events[32];
  if (capacity > 32) capacity = 32;
  // Milliseconds, rounded up: epoll_pwait2 is newer than some kernels this runs on.
  int ms = timeout_ns < 0 ? -1 : (int)((timeout_ns + 999999L) / 1000000L);
  int ready = epoll_wait(epoll, events, capacity, ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < ready; i++) tokens[i] = events[i].data.u64;
  return ready;
}
void atoll_exit(int status) { _exit(status); }
