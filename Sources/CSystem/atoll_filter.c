#include "atoll_filter.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int atoll_seccomp_install(const void *program, unsigned long bytes) {
  const unsigned long each = sizeof(struct sock_filter);
  if (bytes == 0 || bytes % each != 0 || bytes / each > BPF_MAXINSNS) return -EINVAL;
  struct sock_fprog filter = {(unsigned short)(bytes / each), (struct sock_filter *)program};
  // Exec made the process dumpable again, so this cannot be done for it: no debugger of the same user may attach.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result < 0) return -errno;
  return result > 0 ? -ESRCH : 0;
}
