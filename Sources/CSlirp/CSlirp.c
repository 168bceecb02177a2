#include "CSlirp.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct timer {
  struct stack *stack;
  SlirpTimerCb callback;
  SlirpTimerId id;
  void *argument;
  /// Milliseconds, INT64_MAX: not running.
  int64_t due;
  struct timer *next;
};

struct stack {
  Slirp *slirp;
  atoll_slirp_frame frame;
  atoll_slirp_note note;
  atoll_slirp_now now;
  void *context;
  struct timer *timers;
  /// What libslirp wants to poll, and room for more.
  struct pollfd *polled;
  int count, capacity;
  /// Watches the same descriptors while this process sleeps.
  int epoll;
  /// What epoll watches: numbers, of which some may be closed by now.
  int *watched;
  int watchedCount, watchedCapacity;
};

// libslirp asks for these by name: there is one stack in a process.
static struct in_addr nameServer;
static struct in6_addr nameServer6;

int get_dns_addr(struct in_addr *address) {
  *address = nameServer;
  return nameServer.s_addr ? 0 : -1;
}

int get_dns6_addr(struct in6_addr *address, uint32_t *scope) {
  static const struct in6_addr none;
  *address = nameServer6;
  *scope = 0;
  return memcmp(&nameServer6, &none, sizeof none) ? 0 : -1;
}

static ssize_t sendPacket(const void *bytes, size_t size, void *opaque) {
  struct stack *s = opaque;
  s->frame(s->context, bytes, size);
  return (ssize_t)size;
}

static void guestError(const char *text, void *opaque) {
  struct stack *s = opaque;
  s->note(s->context, text);
}

static int64_t clockNow(void *opaque) {
  struct stack *s = opaque;
  return s->now(s->context);
}

static void *newTimer(struct stack *s, SlirpTimerCb callback, SlirpTimerId id, void *argument) {
  struct timer *t = calloc(1, sizeof *t);
  if (!t) abort();  // libslirp itself has no other way out of memory either
  *t = (struct timer){s, callback, id, argument, INT64_MAX, s->timers};
  s->timers = t;
  return t;
}

static void *timerNew(SlirpTimerCb callback, void *argument, void *opaque) {
  return newTimer(opaque, callback, 0, argument);
}

static void *timerNewOpaque(SlirpTimerId id, void *argument, void *opaque) {
  return newTimer(opaque, NULL, id, argument);
}

static void timerFree(void *timer, void *opaque) {
  struct stack *s = opaque;
  for (struct timer **p = &s->timers; *p; p = &(*p)->next)
    if (*p == timer) {
      *p = (*p)->next;
      free(timer);
      return;
    }
}

static void timerMod(void *timer, int64_t milliseconds, void *opaque) {
  (void)opaque;
  ((struct timer *)timer)->due = milliseconds;
}

// All of these are looked at in each round anyway.
static void pollDescriptor(int descriptor, void *opaque) { (void)descriptor, (void)opaque; }
static void notify(void *opaque) { (void)opaque; }

static const SlirpCb callbacks = {
    .send_packet = sendPacket,
    .guest_error = guestError,
    .clock_get_ns = clockNow,
    .timer_new = timerNew,
    .timer_free = timerFree,
    .timer_mod = timerMod,
    .register_poll_fd = pollDescriptor,
    .unregister_poll_fd = pollDescriptor,
    .notify = notify,
    .timer_new_opaque = timerNewOpaque,
};

void *atoll_slirp_new(atoll_slirp_frame frame, atoll_slirp_note note, atoll_slirp_now now, void *context, unsigned dns,
                      const unsigned char *dns6, int ipv6, int mtu) {
  struct stack *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->frame = frame, s->note = note, s->now = now, s->context = context;
  nameServer.s_addr = htonl(dns);
  if (dns6) memcpy(&nameServer6, dns6, sizeof nameServer6);
  SlirpConfig config = {.version = 4, .in_enabled = true, .in6_enabled = ipv6 != 0};
  config.vnetwork.s_addr = htonl(0x0a000200);
  config.vnetmask.s_addr = htonl(0xffffff00);
  config.vhost.s_addr = htonl(0x0a000202);
  config.vnameserver.s_addr = htonl(0x0a000203);
  config.vdhcp_start.s_addr = htonl(0x0a00020f);
  inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
  inet_pton(AF_INET6, "fec0::2", &config.vhost6);
  inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
  config.vprefix_len = 64;
  config.if_mtu = (size_t)mtu;
  config.if_mru = (size_t)mtu;
  s->epoll = epoll_create1(EPOLL_CLOEXEC);
  s->slirp = s->epoll < 0 ? NULL : slirp_new(&config, &callbacks, s);
  if (s->slirp) return s;
  if (s->epoll >= 0) close(s->epoll);
  free(s);
  return NULL;
}

void atoll_slirp_input(void *stack, const void *bytes, int size) {
  slirp_input(((struct stack *)stack)->slirp, bytes, size);
}

int atoll_slirp_forward(void *stack, int udp, unsigned hostAddress, int hostPort, unsigned guestAddress, int guestPort) {
  struct in_addr host = {htonl(hostAddress)}, guest = {htonl(guestAddress)};
  errno = EINVAL;
  return slirp_add_hostfwd(((struct stack *)stack)->slirp, udp, host, hostPort, guest, guestPort) < 0 ? -errno : 0;
}

static int addPoll(int descriptor, int wanted, void *opaque) {
  struct stack *s = opaque;
  if (s->count == s->capacity) {
    int capacity = s->capacity * 2 + 16;
    struct pollfd *more = realloc(s->polled, (size_t)capacity * sizeof *more);
    if (!more) return -1;
    s->polled = more, s->capacity = capacity;
  }
  short events = 0;
  if (wanted & SLIRP_POLL_IN) events |= POLLIN;
  if (wanted & SLIRP_POLL_OUT) events |= POLLOUT;
  if (wanted & SLIRP_POLL_PRI) events |= POLLPRI;
  s->polled[s->count] = (struct pollfd){descriptor, events, 0};
  return s->count++;
}

static uint32_t fill(struct stack *s, uint32_t longest) {
  s->count = 0;
  slirp_pollfds_fill(s->slirp, &longest, addPoll, s);
  int64_t now = clockNow(s) / 1000000;
  for (struct timer *t = s->timers; t; t = t->next) {
    if (t->due == INT64_MAX) continue;
    int64_t left = t->due > now ? t->due - now : 0;
    if (left < longest) longest = (uint32_t)left;
  }
  return longest;
}

static int readyEvents(int index, void *opaque) {
  struct stack *s = opaque;
  if (index < 0 || index >= s->count) return 0;
  int events = s->polled[index].revents, all = 0;
  if (events & POLLIN) all |= SLIRP_POLL_IN;
  if (events & POLLOUT) all |= SLIRP_POLL_OUT;
  if (events & POLLPRI) all |= SLIRP_POLL_PRI;
  if (events & (POLLERR | POLLNVAL)) all |= SLIRP_POLL_ERR;
  if (events & POLLHUP) all |= SLIRP_POLL_HUP;
  return all;
}

static void runTimer(struct stack *s, struct timer *t) {
  t->due = INT64_MAX;
  if (t->callback)
    t->callback(t->argument);
  else
    slirp_handle_timer(s->slirp, t->id, t->argument);
}

static void runTimers(struct stack *s) {
  int64_t now = clockNow(s) / 1000000;
  // A callback may start its own timer again, but makes and frees none.
  for (struct timer *t = s->timers; t; t = t->next)
    if (t->due <= now) runTimer(s, t);
}

/// Watches exactly what was filled. A number may belong to another socket than last time, so each is set anew.
static void watch(struct stack *s) {
  for (int i = 0; i < s->watchedCount; i++) {
    int still = 0;
    for (int j = 0; j < s->count && !still; j++) still = s->polled[j].fd == s->watched[i];
    if (!still) epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->watched[i], NULL);
  }
  if (s->count > s->watchedCapacity) {
    int *more = realloc(s->watched, (size_t)s->count * sizeof *more);
    if (!more) return;
    s->watched = more, s->watchedCapacity = s->count;
  }
  s->watchedCount = s->count;
  for (int i = 0; i < s->count; i++) {
    // poll(2) and epoll have the same numbers for the events used here.
    struct epoll_event event = {.events = (unsigned short)s->polled[i].events, .data.fd = s->polled[i].fd};
    s->watched[i] = s->polled[i].fd;
    if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->polled[i].fd, &event) < 0)
      epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->polled[i].fd, &event);
  }
}

int atoll_slirp_descriptor(void *stack) { return ((struct stack *)stack)->epoll; }

unsigned atoll_slirp_run(void *stack, unsigned longest) {
  struct stack *s = stack;
  fill(s, longest);
  int failed = poll(s->polled, (nfds_t)s->count, 0) < 0;
  slirp_pollfds_poll(s->slirp, failed, readyEvents, s);
  runTimers(s);
  longest = fill(s, longest);
  watch(s);
  return longest;
}
