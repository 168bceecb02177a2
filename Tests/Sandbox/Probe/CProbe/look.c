// What the namespaces, limits and credentials look like from inside. Meant for a sandbox whose filter only logs.
#include "CProbe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static int root_is_empty(void) {
  char entries[4096];
  int fd = open("/", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return errno == EACCES;
  // "." and ".." are 24 bytes each.
  return syscall(SYS_getdents64, fd, entries, sizeof entries) <= 48;
}
static int nothing_outside(void) {
  return open("/proc/self/status", O_RDONLY) < 0 && open("/dev/null", O_RDWR) < 0 && open("../../etc", O_PATH) < 0 &&
         open("/../bin", O_PATH) < 0;
}
static int root_is_read_only(void) { return mkdir("/x", 0700) < 0 && (errno == EROFS || errno == EACCES); }
static int first_process(void) { return getpid() == 1 && getppid() == 0; }
static int no_other_session(void) { return getsid(0) <= 1; }
static int interfaces_are_down(int fd) {
  struct ifreq interface = {0};
  for (int index = 1; index < 64; index++) {
    interface.ifr_ifindex = index;
    if (ioctl(fd, SIOCGIFNAME, &interface) < 0) continue;
    // Tunnel modules put their fallback devices into every namespace; those are down as well.
    if (ioctl(fd, SIOCGIFFLAGS, &interface) < 0 || interface.ifr_flags & IFF_UP) return 0;
  }
  return 1;
}
static int only_loopback_down(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return errno == EACCES || errno == EAFNOSUPPORT;
  int down = interfaces_are_down(fd);
  close(fd);
  return down;
}
static int no_capability(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &header, sets) < 0) return 0;
  for (int i = 0; i < 2; i++)
    if (sets[i].effective | sets[i].permitted | sets[i].inheritable) return 0;
  for (int capability = 0; capability < 64; capability++) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) return 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1) return 0;
  }
  return 1;
}
static int no_new_privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }
static int secure_bits_locked(void) { return prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == 0xef; }
static int user_is_nobody(void) {
  uid_t user[3];
  gid_t group[3], groups[64];
  getresuid(&user[0], &user[1], &user[2]);
  getresgid(&group[0], &group[1], &group[2]);
  for (int i = 0; i < 3; i++)
    if (user[i] != 65534 || group[i] != 65534) return 0;
  int count = getgroups(64, groups);
  for (int i = 0; i < count; i++)
    if (groups[i] != 65534) return 0;
  return 1;
}
static int host_name_is_empty(void) {
  struct utsname name;
  return uname(&name) == 0 && name.nodename[0] == 0 && name.domainname[0] == 0;
}
static int environment_is_empty(void) {
  return environ[0] && !strcmp(environ[0], "SWIFT_BACKTRACE=enable=no") && !environ[1];
}
static int dies_with_parent(void) {
  int signal = 0;
  return prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) == 0 && (signal == SIGKILL || (signal == SIGTERM && getsid(0) == 0));
}
static int filter_in_force(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; }
static int signals_are_default(void) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, 0, &mask);
  for (int number = 1; number <= 31; number++) {
    struct sigaction action;
    if (sigismember(&mask, number)) return 0;
    if (sigaction(number, 0, &action) == 0 && action.sa_handler != SIG_DFL && number != SIGPIPE) return 0;
  }
  return 1;
}
static int limits_are_set(void) {
  struct rlimit core, files, locked, data;
  getrlimit(RLIMIT_CORE, &core);
  getrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_MEMLOCK, &locked);
  getrlimit(RLIMIT_DATA, &data);
  return core.rlim_max == 0 && files.rlim_max <= 760 && locked.rlim_max <= 16UL << 20 && data.rlim_max <= 2UL << 30;
}
static int only_given_descriptors(void) {
  for (int fd = 0; fd < 1200; fd++)
    if ((fcntl(fd, F_GETFD) >= 0) != (fd <= 4)) return 0;
  return 1;
}
static int plugs_are_inert(void) {
  // 0 and 1 were not given: reading is at its end, writing is impossible.
  char byte;
  return read(0, &byte, 1) == 0 && write(1, "x", 1) < 0 && errno == EBADF;
}
static int not_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0; }
static int cannot_mount(void) { return mount("none", "/", "tmpfs", 0, 0) < 0; }

static const struct { const char *wrong; int (*holds)(void); } views[] = {
    {"", 0},
    {"the root directory has entries", root_is_empty},
    {"a host file can be reached", nothing_outside},
    {"the root directory can be written", root_is_read_only},
    {"it is not the first process of its namespace", first_process},
    {"it sees the session of someone else", no_other_session},
    {"a network interface is up", only_loopback_down},
    {"it has a capability", no_capability},
    {"it can gain privileges", no_new_privileges},
    {"its secure bits are not locked", secure_bits_locked},
    {"it sees a user or group of the host", user_is_nobody},
    {"it sees a host or domain name", host_name_is_empty},
    {"its environment is not empty", environment_is_empty},
    {"it would outlive its parent", dies_with_parent},
    {"no filter is in force", filter_in_force},
    {"a signal is ignored or blocked", signals_are_default},
    {"a limit is missing", limits_are_set},
    {"a descriptor leaked, or a given one is missing", only_given_descriptors},
    {"standard input or output is not inert", plugs_are_inert},
    {"it can be dumped and traced", not_dumpable},
    {"it can mount", cannot_mount},
};

int probe_look(void) {
  for (int i = 1; i < (int)(sizeof views / sizeof *views); i++)
    if (!views[i].holds()) return i;
  return 0;
}
const char *probe_wrong(int number) {
  return number < 0 || number >= (int)(sizeof views / sizeof *views) ? "" : views[number].wrong;
}
