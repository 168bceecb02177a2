// What the disk's ring must refuse, tried behind its back.
#pragma once

enum { ATOLL_RING_READ, ATOLL_RING_WRITE, ATOLL_RING_SYNC, ATOLL_RING_OPEN, ATOLL_RING_CONNECT, ATOLL_RING_SPLICE,
       ATOLL_RING_NOTHING };
// Sends one of these through a ring of atoll_uring_create; `registered`: on the file of its table, else on descriptor 0.
// `linked` sets a flag that is not allowed. The completion's result.
int atoll_ring_try(void *ring, int operation, int registered, int linked);
// Tries to put another file into the ring's table; the result.
int atoll_ring_try_register(void *ring, int file);
