#include "atoll_peer.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int atoll_peer_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

int atoll_peer_accept(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

static struct msghdr message(const void *vector, int count) {
  return (struct msghdr){.msg_iov = (struct iovec *)vector, .msg_iovlen = (size_t)(count > IOV_MAX ? IOV_MAX : count)};
}

long atoll_peer_receive(int fd, const void *vector, int count) {
  struct msghdr m = message(vector, count);
  ssize_t bytes;
  do bytes = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (bytes < 0 && errno == EINTR);
  return bytes < 0 ? -errno : bytes;
}

long atoll_peer_send(int fd, const void *vector, int count) {
  struct msghdr m = message(vector, count);
  ssize_t bytes;
  do bytes = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (bytes < 0 && errno == EINTR);
  return bytes < 0 ? -errno : bytes;
}

int atoll_peer_finish(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }
