// Eventfds and SOCK_SEQPACKET sockets that carry descriptors. Failure is -errno.
#pragma once
int atoll_eventfd(void);                        // non-blocking, close-on-exec, count 0
int atoll_eventfd_signal(int fd);               // adds 1
long atoll_eventfd_drain(int fd);               // the count, 0 if none
int atoll_socketpair(int fds[2]);               // SOCK_SEQPACKET, close-on-exec
// Listening SOCK_STREAM Unix socket (removes nothing; fails if the path exists) and friends.
int atoll_unix_listen(const char *path);
int atoll_unix_accept(int fd);                  // non-blocking result
int atoll_unix_connect(const char *path);
// One message with up to 16 descriptors. MSG_NOSIGNAL; `wait` 0 = do not block.
long atoll_send(int fd, const void *bytes, unsigned long size, const int *fds, int fd_count, int wait);
// Receives one message. *fd_count in: capacity (<= 16), out: received. Surplus descriptors are closed by the kernel
// and reported as -EMSGSIZE, with every received one closed. 0 = the peer is gone.
long atoll_receive(int fd, void *bytes, unsigned long capacity, int *fds, int *fd_count, int wait);
