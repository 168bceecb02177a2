// What a root directory made of entries looks like from inside: /shown is read-only, /given can be written, both are folders of
// the host; shown/file holds "shown", shown/way-out links to /etc/passwd.
#include "CProbe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int can_open(const char *path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}
static int shown_is_readable(void) {
  char text[8] = {0};
  int fd = open("/shown/file", O_RDONLY);
  return fd >= 0 && read(fd, text, 5) == 5 && strcmp(text, "shown") == 0;
}
static int shown_is_read_only(void) {
  return !can_open("/shown/file", O_RDWR) && !can_open("/shown/new", O_CREAT | O_WRONLY) && mkdir("/shown/new", 0700) < 0 &&
         unlink("/shown/file") < 0 && chmod("/shown/file", 0777) < 0;
}
static int given_is_writable(void) {
  int fd = open("/given/new", O_CREAT | O_EXCL | O_RDWR, 0700);
  return fd >= 0 && close(fd) == 0;
}
static int given_is_not_executable(void) { return access("/given/new", X_OK) < 0 && unlink("/given/new") == 0; }
static int link_leads_in_the_new_root(void) { return can_open("/way/file", O_RDONLY); }
static int nothing_else(void) {
  return !can_open("/etc/passwd", O_PATH) && !can_open("/shown/way-out", O_RDONLY) && !can_open("/shown/../../etc", O_PATH) &&
         !can_open("/given/../../bin", O_PATH) && !can_open("/root", O_PATH) && !can_open("/home", O_PATH) &&
         !can_open("/sys", O_PATH);
}
static int root_is_read_only(void) { return mkdir("/x", 0700) < 0 && errno == EROFS; }
static int devices_work(void) {
  int fd = open("/dev/null", O_RDWR);
  return fd >= 0 && write(fd, "x", 1) == 1 && !can_open("/dev/mem", O_RDONLY) && mknod("/given/null", S_IFCHR | 0600, 0x103) < 0;
}
static int scratch_is_small(void) {
  static char block[1 << 16];
  int fd = open("/tmp/new", O_CREAT | O_RDWR, 0600), count = 0;
  while (count < 64 && write(fd, block, sizeof block) == sizeof block) count++;
  return fd >= 0 && count <= 16;
}
// Where the host lets a process have a view of processes, only its own are there.
static int only_own_processes(void) {
  DIR *folder = opendir("/proc");
  int others = 0;
  for (struct dirent *entry; folder && (entry = readdir(folder));) others += atoi(entry->d_name) > 1;
  return others == 0 && !can_open("/proc/2/mem", O_RDONLY);
}
static int mounts_stay(void) {
  return mount(0, "/shown", 0, MS_REMOUNT | MS_BIND, 0) < 0 && umount2("/shown", MNT_DETACH) < 0 && unshare(CLONE_NEWUSER) < 0 &&
         mount("none", "/given", "tmpfs", 0, 0) < 0;
}

static const struct { const char *name; int (*holds)(void); } rules[] = {
#define ROW(name) {#name, name}
    ROW(shown_is_readable), ROW(shown_is_read_only), ROW(given_is_writable), ROW(given_is_not_executable),
    ROW(link_leads_in_the_new_root), ROW(nothing_else), ROW(root_is_read_only), ROW(devices_work), ROW(scratch_is_small),
    ROW(only_own_processes), ROW(mounts_stay),
};
int probe_root(void) {
  for (int i = 0; i < (int)(sizeof rules / sizeof *rules); i++)
    if (!rules[i].holds()) return i + 1;
  return 0;
}
const char *probe_root_wrong(int number) {
  return number < 1 || number > (int)(sizeof rules / sizeof *rules) ? 0 : rules[number - 1].name;
}
