/// The initramfs of `atoll guest fetch`: BusyBox, and an init that ends in a shell on the console.
enum InitialRAMDisk {
  /// The line that init prints when the guest's user land is up.
  static let marker = "atoll: the guest is up"

  /// PID 1. The shell gets a session and a controlling terminal of its own, so that job control and Ctrl-C work; init
  /// itself only waits, which lets it act on the signals by which BusyBox' poweroff, reboot and halt ask PID 1.
  static let initScript = """
    #!/bin/busybox sh
    /bin/busybox mount -t devtmpfs devtmpfs /dev
    /bin/busybox mount -t proc proc /proc
    /bin/busybox mount -t sysfs sysfs /sys
    /bin/busybox --install -s
    export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root PS1='# '
    trap '/bin/busybox poweroff -f' USR2
    trap '/bin/busybox halt -f' USR1
    trap '/bin/busybox reboot -f' TERM
    cd /root
    echo '\(marker)'
    setsid cttyhack sh </dev/console >/dev/console 2>&1 &
    wait $!
    /bin/busybox poweroff -f

    """

  /// Links that init itself needs before `busybox --install` has made the others.
  private static let links = ["bin/sh", "bin/mount"]
  private static let directories = [
    "bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin",
  ]

  /// The archive around a static BusyBox.
  static func build(busybox: [UInt8]) -> [UInt8] {
    var archive = CPIOArchive()
    for directory in directories { archive.addDirectory(directory) }
    archive.addDevice("dev/console", major: 5, minor: 1)
    archive.addDevice("dev/null", major: 1, minor: 3, mode: 0o666)
    archive.addFile("bin/busybox", busybox, mode: 0o755)
    for link in links { archive.addLink(link, to: "/bin/busybox") }
    archive.addFile("init", Array(initScript.utf8), mode: 0o755)
    return archive.finish()
  }
}
