/// The initramfs of `atoll guest fetch`: BusyBox, the kernel modules of the machine's devices, and an init that goes on to
/// a root file system if the kernel's command line names one, and else ends in a shell on the console.
enum InitialRAMDisk {
  /// The line that init prints when the guest's user land is up.
  static let marker = "atoll: the guest is up"

  /// PID 1. Modules are loaded for the virtio devices that there are, so that a guest without any pays for none.
  ///
  /// The kernel's parameters mean what they mean to Debian's own initial RAM disk (initramfs-tools(7)): root= a device,
  /// LABEL=, UUID= or, with rootfstype=virtiofs, a tag; rootfstype= (ext4 if absent), rootflags=, ro (unless rw), init=.
  ///
  /// The shell gets a session and a controlling terminal of its own, so that job control and Ctrl-C work; init itself only
  /// waits, which lets it act on the signals by which BusyBox' poweroff, reboot and halt ask PID 1.
  static let initScript = """
    #!/bin/busybox sh
    /bin/busybox mount -t devtmpfs devtmpfs /dev
    /bin/busybox mount -t proc proc /proc
    /bin/busybox mount -t sysfs sysfs /sys
    export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root PS1='# '
    for device in /sys/bus/virtio/devices/*/modalias; do
      [ -e "$device" ] && read -r alias < "$device" && /bin/busybox modprobe -q "$alias"
    done

    root= type=ext4 flags= mode=ro program=/sbin/init
    for word in $(/bin/busybox cat /proc/cmdline); do
      case $word in
        root=*) root=${word#root=} ;;
        rootfstype=*) type=${word#rootfstype=} ;;
        rootflags=*) flags=,${word#rootflags=} ;;
        init=*) program=${word#init=} ;;
        ro | rw) mode=$word ;;
      esac
    done
    mount_root() {
      local tries=0 source
      while [ $tries -lt 100 ]; do
        case $root in
          LABEL=* | UUID=*) source=$(/bin/busybox findfs "$root" 2>/dev/null) ;;
          *) source=$root ;;
        esac
        [ "$type" = virtiofs ] || [ -b "$source" ] && break
        /bin/busybox usleep 100000
        tries=$((tries + 1))
      done
      /bin/busybox modprobe -q "fs-$type"
      /bin/busybox mount -t "$type" -o "$mode$flags" "$source" /newroot
    }
    if [ -n "$root" ]; then
      if mount_root; then
        for place in dev proc sys; do /bin/busybox mount --move /$place /newroot/$place; done
        exec /bin/busybox switch_root /newroot "$program" </newroot/dev/console >/newroot/dev/console 2>&1
      fi
      echo "atoll: $root cannot be mounted as the root file system; here is a shell instead"
    fi

    /bin/busybox --install -s
    trap '/bin/busybox poweroff -f' USR2
    trap '/bin/busybox halt -f' USR1
    trap '/bin/busybox reboot -f' TERM
    cd /root
    echo '\(marker)'
    setsid cttyhack sh </dev/console >/dev/console 2>&1 &
    wait $!
    /bin/busybox poweroff -f

    """

  /// What udhcpc runs when the network's DHCP server has answered.
  static let networkScript = """
    #!/bin/busybox sh
    [ "$1" = bound ] || [ "$1" = renew ] || exit 0
    ifconfig "$interface" "$ip" netmask "${subnet:-255.255.255.0}" up
    for address in $router; do route add default gw "$address" dev "$interface"; done
    : > /etc/resolv.conf
    for address in $dns; do echo "nameserver $address" >> /etc/resolv.conf; done

    """

  /// Links that init itself and the kernel's own requests for modules need before `busybox --install` has made the others.
  private static let links = ["bin/sh", "bin/mount", "sbin/modprobe"]
  private static let directories = [
    "bin", "dev", "etc", "etc/udhcpc", "lib", "lib/modules", "newroot", "proc", "root", "run", "sbin", "sys", "tmp",
    "usr",
    "usr/bin", "usr/sbin",
  ]

  /// The archive around a static BusyBox.
  static func build(busybox: [UInt8], modules: ModuleTree) -> [UInt8] {
    var archive = CPIOArchive()
    for directory in directories { archive.addDirectory(directory) }
    archive.addDevice("dev/console", major: 5, minor: 1)
    archive.addDevice("dev/null", major: 1, minor: 3, mode: 0o666)
    archive.addFile("bin/busybox", busybox, mode: 0o755)
    for link in links { archive.addLink(link, to: "/bin/busybox") }
    archive.addFile("etc/udhcpc/default.script", Array(networkScript.utf8), mode: 0o755)
    add(modules, to: &archive)
    archive.addFile("init", Array(initScript.utf8), mode: 0o755)
    return archive.finish()
  }

  private static func add(_ modules: ModuleTree, to archive: inout CPIOArchive) {
    archive.addDirectory(modules.folder)
    for module in modules.modules { archive.addFile("\(modules.folder)/\(module.name).ko", module.file) }
    archive.addFile("\(modules.folder)/modules.dep", Array(modules.dependencyTable.utf8))
    archive.addFile("\(modules.folder)/modules.alias", Array(modules.aliasTable.utf8))
    archive.addFile("\(modules.folder)/modules.symbols", [])
  }
}
