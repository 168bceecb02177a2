#include "atoll_ipc.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FDS 16

int atoll_eventfd(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}
int atoll_eventfd_signal(int fd) {
  uint64_t one = 1;
  return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}
long atoll_eventfd_drain(int fd) {
  uint64_t count = 0;
  if (read(fd, &count, sizeof count) < 0) return errno == EAGAIN ? 0 : -errno;
  return (long)(count & INT64_MAX);
}
int atoll_socketpair(int fds[2]) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}
static int address(const char *path, struct sockaddr_un *out) {
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof out->sun_path) return -ENAMETOOLONG;
  strcpy(out->sun_path, path);
  return 0;
}
static int unix_socket(const char *path, int listening) {
  struct sockaddr_un to;
  int fd, bad = address(path, &to);
  if (bad) return bad;
  if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (listening ? SOCK_NONBLOCK : 0), 0)) < 0) return -errno;
  int failed = listening ? bind(fd, (void *)&to, sizeof to) < 0 || listen(fd, 8) < 0
                         : connect(fd, (void *)&to, sizeof to) < 0;
  if (!failed) return fd;
  int error = errno;
  close(fd);
  return -error;
}
int atoll_unix_listen(const char *path) { return unix_socket(path, 1); }
int atoll_unix_connect(const char *path) { return unix_socket(path, 0); }
int atoll_unix_accept(int fd) {
  int got = accept4(fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return got < 0 ? -errno : got;
}
long atoll_send(int fd, const void *bytes, unsigned long size, const int *fds, int fd_count, int wait) {
  char control[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  struct iovec part = {(void *)bytes, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count < 0 || fd_count > MAX_FDS) return -EINVAL;
  if (fd_count > 0) {
    memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
    memcpy(CMSG_DATA(head), fds, sizeof(int) * (size_t)fd_count);
  }
  long sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}
static int take_fds(struct msghdr *message, int *fds, int capacity) {
  int count = 0, surplus = 0;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    int here = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < here; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(head) + sizeof(int) * (size_t)i, sizeof fd);
      if (count < capacity) fds[count++] = fd;
      else { close(fd); surplus = 1; }
    }
  }
  if (!surplus && !(message->msg_flags & (MSG_CTRUNC | MSG_TRUNC))) return count;
  while (count > 0) close(fds[--count]);
  return -EMSGSIZE;
}
long atoll_receive(int fd, void *bytes, unsigned long capacity, int *fds, int *fd_count, int wait) {
  char control[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  struct iovec part = {bytes, capacity};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  long got;
  // A peer that ended before it had read everything: the kernel says so once, ahead of the peer's last words.
  int resets = 0;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  while (got < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
  if (got < 0) return -errno;
  int taken = take_fds(&message, fds, *fd_count < MAX_FDS ? *fd_count : MAX_FDS);
  *fd_count = taken < 0 ? 0 : taken;
  return taken < 0 ? taken : got;
}
