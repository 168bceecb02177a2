// Network taps. Failure is -errno.
#pragma once

/// Attaches one more queue to the tap `name` (made if it does not exist and the caller may), with a 12-byte virtio header
/// before each frame, non-blocking. `multiQueue`: the tap is to have more than one.
int atoll_tap_open(const char *name, int multiQueue);
/// The frames that the guest takes as they are; bits of TUNSETOFFLOAD: 1 checksum, 2 TSO4, 4 TSO6, 8 ECN.
int atoll_tap_offload(int fd, unsigned offloads);
/// Switches a queue of a multi-queue tap on or off.
int atoll_tap_enable(int fd, int on);
/// One frame from or to a vector of `struct iovec`, without waiting; bytes or -errno (EAGAIN: none waits).
long atoll_tap_receive(int fd, const void *vector, int count);
long atoll_tap_send(int fd, const void *vector, int count);
