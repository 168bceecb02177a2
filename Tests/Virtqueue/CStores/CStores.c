#include "CStores.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

static struct {
  char *base;
  unsigned long bytes, pages;
} ranges[4];
static int range_count;
static unsigned char *out;
static unsigned long capacity, copy_bytes, count;
static struct sigaction old_fault, old_trap;
static const long trap_flag = 0x100;

static int is_watched(const void *at) {
  for (int i = 0; i < range_count; i++)
    if ((const char *)at >= ranges[i].base && (const char *)at < ranges[i].base + ranges[i].pages) return 1;
  return 0;
}
static int protect(int protection) {
  int failed = 0;
  for (int i = 0; i < range_count; i++) failed |= mprotect(ranges[i].base, ranges[i].pages, protection);
  return failed;
}
static void copy(void) {
  unsigned char *to = out + count * copy_bytes;
  for (int i = 0; i < range_count && count < capacity; to += ranges[i].bytes, i++)
    memcpy(to, ranges[i].base, ranges[i].bytes);
  count++;
}
// A store: let this one instruction through.
static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number;
  if (!is_watched(info->si_addr)) {
    sigaction(SIGSEGV, &old_fault, 0);
    return;
  }
  protect(PROT_READ | PROT_WRITE);
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= trap_flag;
}
// It is done.
static void on_trap(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
  copy();
  protect(PROT_READ);
}

int stores_supported(void) { return 1; }

int stores_begin(
    void *const *bases, const unsigned long *bytes, int number, unsigned char *to, unsigned long room) {
  if (number > 4) return -EINVAL;
  unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
  range_count = number;
  copy_bytes = count = 0;
  for (int i = 0; i < number; i++) {
    ranges[i].base = bases[i];
    ranges[i].bytes = bytes[i];
    ranges[i].pages = (bytes[i] + page - 1) & ~(page - 1);
    copy_bytes += bytes[i];
  }
  out = to;
  capacity = room;
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  action.sa_sigaction = on_fault;
  if (sigaction(SIGSEGV, &action, &old_fault) < 0) return -errno;
  action.sa_sigaction = on_trap;
  if (sigaction(SIGTRAP, &action, &old_trap) < 0) return -errno;
  return protect(PROT_READ) ? -errno : 0;
}

unsigned long stores_end(void) {
  if (range_count == 0) return count;
  protect(PROT_READ | PROT_WRITE);
  range_count = 0;
  sigaction(SIGSEGV, &old_fault, 0);
  sigaction(SIGTRAP, &old_trap, 0);
  return count;
}

#else

int stores_supported(void) { return 0; }
int stores_begin(
    void *const *bases, const unsigned long *bytes, int count, unsigned char *out, unsigned long capacity) {
  (void)bases, (void)bytes, (void)count, (void)out, (void)capacity;
  return -ENOSYS;
}
unsigned long stores_end(void) { return 0; }

#endif
