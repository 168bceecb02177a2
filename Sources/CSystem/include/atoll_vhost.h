// What a vhost-user back-end asks of the kernel beside mappings and messages. Failure is -errno.
#pragma once
// epoll with any events; bit 31 of `events` is EPOLLET. `replace` 1: the descriptor is watched already.
int atoll_epoll_watch(int epoll, int fd, unsigned int events, unsigned long token, int replace);
// Fills `tokens` and `events` with what is ready, at most 64. timeout in nanoseconds, 0 = look only, -1 = none.
int atoll_epoll_ready(int epoll, unsigned long *tokens, unsigned int *events, int capacity, long timeout_ns);
// 1 if `fd` is an anonymous file such as an eventfd, 0 if it is a file, pipe, socket or device.
int atoll_is_anonymous(int fd);
// Makes reads and writes of this open file non-blocking, for good.
int atoll_make_nonblocking(int fd);
// As atoll_unix_listen, but a socket that nobody listens on any more is replaced.
int atoll_unix_serve(const char *path);
// Random bytes for a guest; does not block once the host has booted. The count, at most `size`.
long atoll_random(void *bytes, unsigned long size);
// SIGTERM ends this process at once, whatever its parent has blocked or ignored.
int atoll_obey_termination(void);
// Argument `index` of the program, counted from 1; null at the end. Embedded Swift has no CommandLine.
const char *atoll_argument(int index);
