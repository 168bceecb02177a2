// SOCK_STREAM sockets, as vhost-user uses them; sending and receiving is atoll_ipc's. Failure is -errno.
#pragma once
int atoll_stream_pair(int fds[2]);   // non-blocking, close-on-exec
int atoll_socket_listens(int fd);    // 1 listening, 0 connected (SO_ACCEPTCONN)
