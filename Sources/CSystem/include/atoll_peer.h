// Stream sockets that carry a guest's bytes. All are non-blocking and close-on-exec. Failure is -errno.
#pragma once

/// Connects to the Unix socket at `path`.
int atoll_peer_connect(const char *path);
/// The next connection of a listening socket.
int atoll_peer_accept(int listener);
/// Receives into a vector of `struct iovec`; 0: the peer has ended.
long atoll_peer_receive(int fd, const void *vector, int count);
/// Sends some of a vector of `struct iovec`; never raises SIGPIPE.
long atoll_peer_send(int fd, const void *vector, int count);
/// Tells the peer that no more will come.
int atoll_peer_finish(int fd);
