#include "atoll_irqfd.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

int atoll_epoll_add_edge(int epoll, int fd, unsigned long token) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = token};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}
int atoll_eventfd_check(int fd) {
  struct stat what;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &what) < 0) return -errno;
  // Anonymous inodes alone have no file type.
  return (what.st_mode & S_IFMT) == 0 && (flags & O_NONBLOCK) ? 0 : -EINVAL;
}
void atoll_eventfd_relieve(int fd) {
  uint64_t count;
  struct iovec part = {&count, sizeof count};
  // Nothing to take, or a kernel whose eventfds cannot do this: then nobody can be helped.
  if (preadv2(fd, &part, 1, -1, RWF_NOWAIT) < 0) return;
}
