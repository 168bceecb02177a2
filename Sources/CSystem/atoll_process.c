// What runs between clone3 and execveat may not allocate, lock or use stdio: the parent may have had other threads.
// Each step is one function; the first that fails ends the child, which reports its number and errno to the parent.
#include "atoll_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 16
#define MAX_ARGUMENTS 96
#define NOBODY 65534
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct report { int step, error; };
struct child { const struct atoll_spawn_request *request; int channel, is_root, trees[ATOLL_ROOT_ENTRIES]; };

// --- steps of the child: 0 or -errno -------------------------------------------------------------------------------

static int fail_if(int failed) { return failed ? -errno : 0; }

static int raise_open_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  if (limit.rlim_cur > ATOLL_EXECUTABLE_FD) return 0;
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max <= ATOLL_EXECUTABLE_FD) return -EMFILE;
  return fail_if(setrlimit(RLIMIT_NOFILE, &limit) < 0);
}
// Moves one descriptor out of the way of all targets; the copies are closed by close_others.
static int park(int *fd) {
  int high = fcntl(*fd, F_DUPFD_CLOEXEC, ATOLL_EXECUTABLE_FD + 1);
  if (high < 0) return -errno;
  *fd = high;
  return 0;
}
static int close_others(const int *taken, int count) {
  char keep[ATOLL_EXECUTABLE_FD + 1] = {0};
  for (int i = 0; i < count; i++) keep[taken[i]] = 1;
  keep[ATOLL_CHANNEL_FD] = keep[ATOLL_EXECUTABLE_FD] = 1;
  for (int from = 0; from <= ATOLL_EXECUTABLE_FD;) {
    int to = from;
    while (to <= ATOLL_EXECUTABLE_FD && !keep[to]) to++;
    if (to > from && syscall(SYS_close_range, from, to - 1, 0) < 0) return -errno;
    from = to + 1;
  }
  return fail_if(syscall(SYS_close_range, ATOLL_EXECUTABLE_FD + 1, ~0U, 0) < 0);
}
// Numbers 0 to 2 that nobody asked for: never free, so that no later descriptor becomes "standard output".
static int plug_standard(int *targets, int *count) {
  int ends[2];
  if (pipe(ends) < 0) return -errno;
  if (park(&ends[0]) < 0) return -errno;
  for (int number = 0; number < 3; number++) {
    int used = 0;
    for (int i = 0; i < *count; i++) used |= targets[i] == number;
    if (used) continue;
    if (dup2(ends[0], number) < 0) return -errno;
    targets[(*count)++] = number;
  }
  return 0;
}
static int place_descriptors(struct child *child) {
  const struct atoll_spawn_request *request = child->request;
  int targets[MAX_DESCRIPTORS + 3], sources[MAX_DESCRIPTORS], program = request->executable;
  int count = request->descriptor_count, error = raise_open_files();
  for (int i = 0; i < count && !error; i++) {
    sources[i] = request->sources[i];
    targets[i] = request->targets[i];
    error = park(&sources[i]);
  }
  if (!error) error = park(&program);
  if (!error) error = park(&child->channel);
  if (error) return error;
  if (dup3(program, ATOLL_EXECUTABLE_FD, O_CLOEXEC) < 0) return -errno;
  if (dup3(child->channel, ATOLL_CHANNEL_FD, O_CLOEXEC) < 0) return -errno;
  child->channel = ATOLL_CHANNEL_FD;
  for (int i = 0; i < count; i++)
    if (dup2(sources[i], targets[i]) < 0) return -errno;
  error = plug_standard(targets, &count);
  return error ? error : close_others(targets, count);
}
static int become_mapped_user(struct child *child) {
  // Raw calls: the C library's would signal threads that exist only in the parent.
  if (child->is_root && syscall(SYS_setgroups, 0, 0) < 0) return -errno;
  if (syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) < 0) return -errno;
  return fail_if(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0);
}
static int new_session(struct child *child) { return child->request->new_session ? fail_if(setsid() < 0) : 0; }
static int clear_host_name(struct child *child) {
  (void)child;
  return fail_if(sethostname("", 0) < 0 || setdomainname("", 0) < 0);
}
// A user namespace inside this one would give its maker capabilities again. Seccomp forbids making one; the count does
// so too where /proc can be written (not in every container).
static void forbid_nested_namespaces(void) {
  int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, "0", 1);
  close(fd);
}
static int open_trees(struct child *child) { return atoll_root_open(child->request, child->trees); }
static int enter_root(struct child *child) {
  if (!child->request->confines_itself) forbid_nested_namespaces();
  return atoll_root_enter(child->request, child->trees);
}
static int drop_capabilities(struct child *child) {
  (void)child;
  for (int capability = 0; capability < 64; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
      if (errno == EINVAL && capability > 0) break;
      return -errno;
    }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
  const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
      SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0) return -errno;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  return fail_if(syscall(SYS_capset, &header, none) < 0);
}
static int no_new_privileges(struct child *child) {
  (void)child;
  return fail_if(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0);
}

// The system's header may be older than the running kernel. Kernel documentation, userspace-api/landlock: ABI 1 has
// file system rights 0-12, 2 adds REFER, 3 TRUNCATE, 4 TCP bind and connect, 5 IOCTL_DEV, 6 scopes.
struct landlock_rules { uint64_t handled_files, handled_network, scoped; };
static struct landlock_rules all_rights(int abi) {
  static const struct { unsigned char file_rights, network_rights, scopes; } known[] = {
      {13, 0, 0}, {14, 0, 0}, {15, 0, 0}, {15, 2, 0}, {16, 2, 0}, {16, 2, 2}};
  int row = (abi > 6 ? 6 : abi) - 1;
  return (struct landlock_rules){(1ULL << known[row].file_rights) - 1, (1ULL << known[row].network_rights) - 1,
                                 (1ULL << known[row].scopes) - 1};
}
static int allow_beneath(int ruleset, const char *path, int fd, uint64_t rights) {
  int parent = path ? open(path, O_PATH | O_CLOEXEC) : fd;
  if (parent < 0) return -errno;
  struct landlock_path_beneath_attr rule = {rights, parent};
  int error = fail_if(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0);
  if (path) close(parent);
  return error;
}
static int enter_landlock(struct child *child) {
  const struct atoll_spawn_request *request = child->request;
  if (request->confines_itself) return 0;
  int abi = (int)syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // Absent or switched off: the empty root, the network namespace and seccomp carry it alone.
  if (abi < 1) return abi < 0 && errno != ENOSYS && errno != EOPNOTSUPP ? -errno : 0;
  struct landlock_rules rules = all_rights(abi);
  if (request->host_network) rules.handled_network = 0;
  size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (ruleset < 0) return -errno;
  // execveat of the program file itself, which in an empty root no path leads to; and what the root's entries are for, whose
  // mounts say what can be written. A program that was found there may use others, such as its dynamic loader.
  const uint64_t run = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
  int error = allow_beneath(ruleset, 0, ATOLL_EXECUTABLE_FD, run);
  if (!error && request->root_count > 0)
    error = allow_beneath(ruleset, "/", -1, request->path ? rules.handled_files : rules.handled_files & ~LANDLOCK_ACCESS_FS_EXECUTE);
  if (!error) error = fail_if(syscall(SYS_landlock_restrict_self, ruleset, 0) < 0);
  close(ruleset);
  return error;
}
static int limit(int resource, long value) {
  struct rlimit now;
  if (getrlimit((__rlimit_resource_t)resource, &now) < 0) return -errno;
  rlim_t wanted = (rlim_t)value < now.rlim_max ? (rlim_t)value : now.rlim_max;
  struct rlimit both = {wanted, wanted};
  return fail_if(setrlimit((__rlimit_resource_t)resource, &both) < 0);
}
static int set_limits(struct child *child) {
  const struct atoll_spawn_request *request = child->request;
  int error = limit(RLIMIT_CORE, 0);
  if (!error) error = limit(RLIMIT_MEMLOCK, request->locked_bytes);
  if (!error) error = limit(RLIMIT_MSGQUEUE, 0);
  if (!error && !request->writes_files) error = limit(RLIMIT_FSIZE, 0);
  if (!error) error = limit(RLIMIT_STACK, request->path ? 8 << 20 : 1 << 20);
  if (!error) error = limit(RLIMIT_DATA, request->data_bytes);
  if (!error) error = limit(RLIMIT_NPROC, request->processes);
  return error ? error : limit(RLIMIT_NOFILE, request->open_files);
}
// After the last change of credentials, which would clear it. A parent that died before has closed its end already.
static int die_with_parent(struct child *child) {
  struct pollfd channel = {child->channel, 0, 0};
  if (prctl(PR_SET_PDEATHSIG, child->request->death_signal, 0, 0, 0) < 0) return -errno;
  if (poll(&channel, 1, 0) < 0) return -errno;
  if (channel.revents & (POLLHUP | POLLERR)) _exit(1);
  return 0;
}
static int reset_signals(struct child *child) {
  (void)child;
  struct sigaction plain = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
  sigset_t none;
  for (int number = 1; number <= 64; number++)
    if (number != SIGKILL && number != SIGSTOP) sigaction(number, &plain, 0);
  // A log pipe without reader is an error of write, never an end: as it is anyway for the first process of a namespace.
  if (sigaction(SIGPIPE, &ignored, 0) < 0) return -errno;
  sigemptyset(&none);
  return fail_if(sigprocmask(SIG_SETMASK, &none, 0) < 0);
}
static int install_filter(struct child *child) {
  struct sock_fprog program = {(unsigned short)child->request->filter_count, (void *)child->request->filter};
  return fail_if(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0);
}

// --- the child -----------------------------------------------------------------------------------------------------

struct step { enum atoll_step number; int always; int (*run)(struct child *); };
static const struct step steps[] = {
    {ATOLL_STEP_DESCRIPTORS, 1, place_descriptors}, {ATOLL_STEP_TREES, 0, open_trees},
    {ATOLL_STEP_IDS, 0, become_mapped_user},        {ATOLL_STEP_SESSION, 1, new_session},
    {ATOLL_STEP_HOST_NAME, 0, clear_host_name},     {ATOLL_STEP_ROOT, 0, enter_root},
    {ATOLL_STEP_CAPABILITIES, 0, drop_capabilities}, {ATOLL_STEP_PRIVILEGES, 0, no_new_privileges},
    {ATOLL_STEP_LANDLOCK, 0, enter_landlock},       {ATOLL_STEP_LIMITS, 0, set_limits},
    {ATOLL_STEP_PARENT, 1, die_with_parent},        {ATOLL_STEP_SIGNALS, 1, reset_signals},
    {ATOLL_STEP_FILTER, 0, install_filter},
};
static _Noreturn void give_up(struct child *child, int step, int error) {
  struct report report = {step, -error};
  (void)!write(child->channel, &report, sizeof report);
  _exit(127);
}
static _Noreturn void run_child(struct child *child) {
  // No Swift program here prints its own backtrace: it could not read its files, and needs system calls for trying.
  static const char *const environment[] = {"SWIFT_BACKTRACE=enable=no", 0};
  const char *arguments[MAX_ARGUMENTS + 1] = {0}, *next = child->request->arguments;
  char go;
  if (read(child->channel, &go, 1) != 1) _exit(1);
  for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
    int error = steps[i].always || child->request->confined ? steps[i].run(child) : 0;
    if (error) give_up(child, (int)steps[i].number, error);
  }
  for (int i = 0; i < child->request->argument_count; i++, next += strlen(next) + 1) arguments[i] = next;
  syscall(SYS_execveat, ATOLL_EXECUTABLE_FD, "", arguments, environment, AT_EMPTY_PATH);
  give_up(child, ATOLL_STEP_EXECUTE, -errno);
}

// --- the parent ----------------------------------------------------------------------------------------------------

static int write_file(int pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = fail_if(write(fd, text, strlen(text)) < 0);
  close(fd);
  return error;
}
// Root of a user namespace that has no "nobody" (a container of one user) is an ordinary user as far as we can help it.
static int is_root(void) {
  char map[4096];
  unsigned inside, outside, count;
  int fd = geteuid() == 0 ? open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  ssize_t size = read(fd, map, sizeof map - 1);
  close(fd);
  map[size < 0 ? 0 : size] = 0;
  for (const char *line = map; line && sscanf(line, "%u %u %u", &inside, &outside, &count) == 3;) {
    if (inside <= NOBODY && NOBODY - inside < count) return 1;
    if ((line = strchr(line, '\n'))) line++;
  }
  return 0;
}
// Root's devices are nobody outside too. An ordinary user can only map itself, and must give up setgroups for it.
static int map_ids(int pid, int is_root) {
  char line[64];
  int error = is_root ? 0 : write_file(pid, "setgroups", "deny");
  snprintf(line, sizeof line, "%d %u 1\n", NOBODY, is_root ? NOBODY : getegid());
  if (!error) error = write_file(pid, "gid_map", line);
  snprintf(line, sizeof line, "%d %u 1\n", NOBODY, is_root ? NOBODY : geteuid());
  return error ? error : write_file(pid, "uid_map", line);
}
static int clone_child(const struct atoll_spawn_request *request, int *pidfd) {
  struct clone_args arguments = {
      .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
  if (request->confined)
    arguments.flags |= CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                       (request->host_network ? 0 : CLONE_NEWNET);
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  return pid < 0 ? -errno : (int)pid;
}
static int check_request(const struct atoll_spawn_request *request) {
  if (request->argument_count < 1 || request->argument_count > MAX_ARGUMENTS) return -EINVAL;
  if (request->descriptor_count < 0 || request->descriptor_count > MAX_DESCRIPTORS) return -EINVAL;
  if (request->root_count < 0 || request->root_count > ATOLL_ROOT_ENTRIES) return -EINVAL;
  for (int i = 0; i < request->descriptor_count; i++)
    if (request->targets[i] < 0 || request->targets[i] >= ATOLL_CHANNEL_FD) return -EINVAL;
  return 0;
}
// The child closes its end by exec, and speaks only to say what failed.
static int await_child(int channel, int *step) {
  struct report report;
  ssize_t got;
  do got = read(channel, &report, sizeof report);
  while (got < 0 && errno == EINTR);
  if (got == 0) return 0;
  *step = got == sizeof report ? report.step : ATOLL_STEP_CHANNEL;
  return got == sizeof report ? -report.error : -EIO;
}
static int release_child(int pid, const struct child *child, int channel, int *step) {
  *step = ATOLL_STEP_MAP_IDS;
  int error = child->request->confined ? map_ids(pid, child->is_root) : 0;
  if (error) return error;
  *step = ATOLL_STEP_CHANNEL;
  if (send(channel, "", 1, MSG_NOSIGNAL) != 1) return -errno;
  return await_child(channel, step);
}
int atoll_spawn(const struct atoll_spawn_request *request, int *pidfd, int *step) {
  int ends[2], error = check_request(request);
  *step = ATOLL_STEP_REQUEST;
  if (error) return error;
  *step = ATOLL_STEP_CHANNEL;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  struct child child = {.request = request, .channel = ends[1], .is_root = is_root()};
  *step = ATOLL_STEP_CLONE;
  int pid = clone_child(request, pidfd);
  if (pid == 0) {
    close(ends[0]);
    run_child(&child);
  }
  close(ends[1]);
  error = pid < 0 ? pid : release_child(pid, &child, ends[0], step);
  close(ends[0]);
  if (!error) return pid;
  if (pid > 0) {
    int signalled;
    atoll_pidfd_signal(*pidfd, SIGKILL);
    atoll_pidfd_wait(*pidfd, 1, &signalled);
    close(*pidfd);
  }
  return error;
}
int atoll_pidfd_signal(int pidfd, int signal) { return fail_if(syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0) < 0); }
int atoll_pidfd_wait(int pidfd, int wait, int *signalled) {
  siginfo_t info = {0};
  int result;
  do result = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | (wait ? 0 : WNOHANG));
  while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  *signalled = info.si_pid == 0 ? -1 : info.si_code != CLD_EXITED;
  return info.si_status;
}
int atoll_effective_user(void) { return (int)geteuid(); }
int atoll_memfd_seal_all(int fd) {
  // Not F_SEAL_WRITE: before Linux 6.7 such a file could not be mapped shared, not even for reading.
  return fail_if(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0);
}
