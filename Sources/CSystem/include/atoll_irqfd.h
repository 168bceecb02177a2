// Eventfds as interrupt sources. Failure is -errno.
#pragma once
// As atoll_epoll_add, but edge-triggered: one report for each signal, and one now if `fd` is already readable. The count
// is never read, so no holder of the eventfd can make the caller block by clearing O_NONBLOCK.
int atoll_epoll_add_edge(int epoll, int fd, unsigned long token);
