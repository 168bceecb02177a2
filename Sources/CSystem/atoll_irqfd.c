#include "atoll_irqfd.h"
#include <errno.h>
#include <sys/epoll.h>

int atoll_epoll_add_edge(int epoll, int fd, unsigned long token) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = token};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}
