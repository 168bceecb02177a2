#include "atoll_vhost.h"
#include "atoll_files.h"
#include "atoll_ipc.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 64

int atoll_epoll_watch(int epoll, int fd, unsigned int events, unsigned long token, int replace) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return epoll_ctl(epoll, replace ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}
// Linux 5.11 has a call with nanoseconds; without it a wait is up to a millisecond longer.
static int wait_ns(int epoll, struct epoll_event *events, int capacity, long timeout_ns) {
  if (timeout_ns <= 0) return epoll_wait(epoll, events, capacity, timeout_ns == 0 ? 0 : -1);
#ifdef SYS_epoll_pwait2
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int got = (int)syscall(SYS_epoll_pwait2, epoll, events, capacity, &limit, 0, 0);
  if (got >= 0 || errno != ENOSYS) return got;
#endif
  long ms = (timeout_ns + 999999) / 1000000;
  return epoll_wait(epoll, events, capacity, ms > INT_MAX ? INT_MAX : (int)ms);
}
int atoll_epoll_ready(int epoll, unsigned long *tokens, unsigned int *events, int capacity, long timeout_ns) {
  struct epoll_event ready[MAX_EVENTS];
  int got = wait_ns(epoll, ready, capacity < MAX_EVENTS ? capacity : MAX_EVENTS, timeout_ns);
  if (got < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < got; i++) {
    tokens[i] = ready[i].data.u64;
    events[i] = ready[i].events;
  }
  return got;
}
int atoll_is_anonymous(int fd) {
  struct stat st;
  return fstat(fd, &st) < 0 ? -errno : (st.st_mode & S_IFMT) == 0;
}
int atoll_make_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  if (flags & O_NONBLOCK) return 0;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}
int atoll_unix_serve(const char *path) {
  struct stat st;
  int fd = atoll_unix_listen(path);
  if (fd != -EADDRINUSE || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) return fd;
  int peer = atoll_unix_connect(path);
  if (peer != -ECONNREFUSED) {
    if (peer >= 0) close(peer);
    return -EADDRINUSE;
  }
  return unlink(path) < 0 ? -errno : atoll_unix_listen(path);
}
long atoll_random(void *bytes, unsigned long size) {
  ssize_t got;
  do got = getrandom(bytes, size, 0);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

int atoll_obey_termination(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  if (signal(SIGTERM, SIG_DFL) == SIG_ERR || sigprocmask(SIG_UNBLOCK, &set, 0) < 0) return -errno;
  return 0;
}

static int argument_count;
static char **arguments;
// The C library hands constructors the arguments; nothing changes them afterwards.
__attribute__((constructor)) static void take_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}
const char *atoll_argument(int index) { return index >= 0 && index < argument_count ? arguments[index] : 0; }
