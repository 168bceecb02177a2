// Eventfds as interrupt sources. Failure is -errno.
#pragma once
// As atoll_epoll_add, but edge-triggered: one report for each signal, and one now if `fd` is already readable. The count
// is never read, so no holder of the eventfd can make the caller block by clearing O_NONBLOCK.
int atoll_epoll_add_edge(int epoll, int fd, unsigned long token);
// 0 if `fd` is such as eventfd(2) makes it with EFD_NONBLOCK, so that a signal never blocks; else -EINVAL. Pipes, sockets,
// files and terminals are refused; kinds that the kernel does not tell apart from an eventfd ignore the signal.
int atoll_eventfd_check(int fd);
// Takes the count without ever blocking, whatever has become of O_NONBLOCK; who waits for room in it goes on.
void atoll_eventfd_relieve(int fd);
