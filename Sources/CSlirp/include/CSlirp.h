// The user-mode network stack libslirp behind scalars and pointers. One instance a process; no thread of its own.
#ifndef CSLIRP_H
#define CSLIRP_H

/// What the stack calls: `frame` hands an Ethernet frame to the guest, `note` a sentence about what the guest did wrong,
/// `now` tells monotonic nanoseconds.
typedef void (*atoll_slirp_frame)(void *context, const void *bytes, unsigned long size);
typedef void (*atoll_slirp_note)(void *context, const char *text);
typedef long (*atoll_slirp_now)(void *context);

/// Makes a stack: 10.0.2.0/24 (and fec0::/64 if `ipv6`), gateway .2, name server .3, the guest gets .15 by DHCP. `dns` is the
/// host's IPv4 name server (host byte order, 0: none), `dns6` its IPv6 one or NULL. NULL: out of memory.
void *atoll_slirp_new(atoll_slirp_frame frame, atoll_slirp_note note, atoll_slirp_now now, void *context, unsigned dns,
                      const unsigned char *dns6, int ipv6, int mtu);
/// A frame from the guest; anything at all.
void atoll_slirp_input(void *stack, const void *bytes, int size);
/// Forwards a port of the host to one of the guest; IPv4 addresses in host byte order. 0 or -errno.
int atoll_slirp_forward(void *stack, int udp, unsigned hostAddress, int hostPort, unsigned guestAddress, int guestPort);
/// A descriptor that is readable when `atoll_slirp_run` has something to do; belongs to the stack.
int atoll_slirp_descriptor(void *stack);
/// Does what sockets and timers ask for, without waiting. Returns the milliseconds after which it wants to be called again
/// even if nothing happens, at most `longest`.
unsigned atoll_slirp_run(void *stack, unsigned longest);

#endif
