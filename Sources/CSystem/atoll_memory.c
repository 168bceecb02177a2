#include "atoll_memory.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int atoll_memfd(const char *name, unsigned long size, int sealed) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  int failed = ftruncate(fd, (off_t)size) < 0 || (sealed && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0);
  if (!failed) return fd;
  int error = errno;
  close(fd);
  return -error;
}
int atoll_memfd_seal_size(int fd) {
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ? -errno : 0;
}
int atoll_memfd_is_sealed(int fd, unsigned long size) {
  struct stat st;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || fstat(fd, &st) < 0) return -errno;
  return (seals & F_SEAL_SHRINK) != 0 && (unsigned long)st.st_size >= size;
}
void *atoll_map(int fd, unsigned long size, unsigned long offset, int protection, int *error) {
  int prot = (protection & 1 ? PROT_READ : 0) | (protection & 2 ? PROT_WRITE : 0);
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
  void *base = mmap(0, size, prot, flags, fd, (off_t)offset);
  if (base != MAP_FAILED) return base;
  *error = errno;
  return 0;
}
void *atoll_map_guest(int fd, unsigned long size, int *error) {
  const unsigned long align = 32UL << 20;
  char *room = mmap(0, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) { *error = errno; return 0; }
  char *at = (char *)(((uintptr_t)room + align - 1) & ~(align - 1));
  void *base = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
  if (base == MAP_FAILED) { *error = errno; munmap(room, size + align); return 0; }
  if (at > room) munmap(room, (size_t)(at - room));
  munmap(at + size, (size_t)(room + align - at));
  madvise(base, size, MADV_DONTDUMP);
  // Where the administrator lets shared memory have huge pages on request (shmem_enabled = advise), KVM maps guests by them.
  madvise(base, size, MADV_HUGEPAGE);
  return base;
}
int atoll_unmap(void *base, unsigned long size) { return munmap(base, size) < 0 ? -errno : 0; }
unsigned long atoll_page_size(void) { return (unsigned long)sysconf(_SC_PAGESIZE); }
int atoll_futex_wait(unsigned int *word, unsigned int expected, long timeout_ns) {
  struct timespec ts = {timeout_ns / 1000000000L, timeout_ns % 1000000000L};
  return syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns < 0 ? 0 : &ts, 0, 0) < 0 ? -errno : 0;
}
int atoll_futex_wake(unsigned int *word, int count) {
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, 0, 0, 0);
  return woken < 0 ? -errno : (int)woken;
}
