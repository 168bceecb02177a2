#include "CSeccomp.h"
#include <errno.h>
#include <seccomp.h>
#include <string.h>

void *atoll_filter_create(int log_only, int refusal) {
  unsigned other = refusal ? SCMP_ACT_ERRNO((unsigned)refusal) : SCMP_ACT_KILL_PROCESS;
  scmp_filter_ctx filter = seccomp_init(log_only ? SCMP_ACT_LOG : other);
  if (!filter) return 0;
  // Another architecture's numbers (i386, x32) mean other calls: never let one through, not even when logging.
  seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree instead of a list; older libraries do without.
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return filter;
}
void atoll_filter_free(void *filter) { seccomp_release(filter); }

static int add(void *filter, unsigned action, const char *name, unsigned count, const struct scmp_arg_cmp *conditions) {
  int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return -ENOENT;
  if (number < 0) return 0;
  return seccomp_rule_add_exact_array(filter, action, number, count, conditions);
}
int atoll_filter_allow(void *filter, const char *name, int conditions, const unsigned *arguments,
                       const unsigned long long *masks, const unsigned long long *values) {
  struct scmp_arg_cmp compare[6];
  if (conditions < 0 || conditions > 6) return -EINVAL;
  for (int i = 0; i < conditions; i++)
    compare[i] = (struct scmp_arg_cmp){arguments[i], SCMP_CMP_MASKED_EQ, masks[i], values[i]};
  return add(filter, SCMP_ACT_ALLOW, name, (unsigned)conditions, compare);
}
int atoll_filter_refuse(void *filter, const char *name, int error) {
  return add(filter, SCMP_ACT_ERRNO((unsigned)error), name, 0, 0);
}
int atoll_filter_write(void *filter, int fd) { return seccomp_export_bpf(filter, fd); }
