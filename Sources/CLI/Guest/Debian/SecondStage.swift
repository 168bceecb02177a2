import Control
import Foundation

/// The part of the installation that runs in the guest: the packages' own scripts, by dpkg.
enum SecondStage {
  /// The last line of a second stage that succeeded.
  static let success = "atoll: the second stage is done"
  /// The last line of one that did not.
  static let failure = "atoll: the second stage failed"

  /// PID 1 of the guest's first start, with /dev, /proc and /sys mounted and the root writable.
  ///
  /// `dpkg --unpack` would have run the preinst scripts; base-passwd's makes /etc/passwd, without which others fail. Then
  /// dpkg configures packages in the order of their dependencies, base-passwd and base-files ahead as debootstrap does.
  /// udev's hardware database is for what is not here, keyboards and such; its compilation, which takes longest of all, is
  /// left to the next change of it. Apt's daily timers are disabled, which would fetch lists at the first start of each
  /// day, and the checks that are for logical volumes. systemd-update-done says that nothing is left to be brought up to
  /// date at the next start.
  static let script = """
    #!/bin/sh
    set -e
    export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true SYSTEMD_HWDB_UPDATE_BYPASS=1
    end() {
      trap - EXIT
      sync
      mount -o remount,ro / && echo "$1"
      # Waits for the console, so that the kernel's last words come behind these.
      stty opost || true
      echo o > /proc/sysrq-trigger
      while :; do :; done
    }
    trap 'end "\(failure)"' EXIT
    if [ "$0" = /\(DebianFiles.secondStage) ]; then
      # The root cannot become read-only while a file is open that is removed.
      mount -t tmpfs -o mode=755 tmpfs /run
      cp "$0" /run/second-stage
      exec /run/second-stage
    fi
    mount -t tmpfs tmpfs /tmp
    mkdir /run/lock

    export DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1
    export DPKG_MAINTSCRIPT_ARCH=loong64 DPKG_MAINTSCRIPT_PACKAGE
    for script in /var/lib/dpkg/info/base-passwd.preinst /var/lib/dpkg/info/*.preinst; do
      DPKG_MAINTSCRIPT_PACKAGE=${script##*/}
      DPKG_MAINTSCRIPT_PACKAGE=${DPKG_MAINTSCRIPT_PACKAGE%.preinst}
      DPKG_MAINTSCRIPT_PACKAGE=${DPKG_MAINTSCRIPT_PACKAGE%%:*}
      "$script" install
    done
    unset DPKG_ADMINDIR DPKG_ROOT DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT
    unset DPKG_MAINTSCRIPT_ARCH DPKG_MAINTSCRIPT_PACKAGE

    dpkg --force-depends --configure base-passwd base-files
    dpkg --configure --pending
    passwd --delete root
    systemctl disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
    /usr/lib/systemd/systemd-update-done

    rm -r /\(DebianFiles.secondStage) /usr/sbin/policy-rc.d
    rmdir /usr/lib/atoll
    rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old /var/log/*.log
    : > /etc/machine-id
    cp /dev/null /etc/resolv.conf
    end "\(success)"

    """

  /// More for the kernel's command line.
  static let commandLine = "root=/dev/vda rootfstype=ext4 rw quiet init=/\(DebianFiles.secondStage)"

  /// Whether a line of the guest's console says that all went well.
  static func isSuccess(_ line: String) -> Bool { line.hasPrefix(success) }

  /// Whether a line of the guest's console says that dpkg configures one more package.
  static func isStep(_ line: String) -> Bool { line.hasPrefix("Setting up ") }

  /// A program that runs the guest with its console on standard output, and ends when the guest switches off.
  struct Machine {
    let program: String
    let arguments: [String]
  }

  /// A machine of Atoll's with the image as its disk.
  static func atoll(_ image: URL) throws -> Machine {
    var description = MachineDescription()
    description.name = "debian-build-\(getpid())"
    description.kernel = CacheFolder.kernel.path
    description.initrd = CacheFolder.initrd.path
    description.commandLine += " " + commandLine
    description.memory = 1 << 30
    description.devices = [DeviceDescription(.block(BlockDescription(path: image.path))), DeviceDescription(.rng)]
    let file = image.deletingLastPathComponent().appendingPathComponent("machine.json")
    try Data(description.json).write(to: file)
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    return Machine(program: own, arguments: ["run", "--machine", file.path])
  }

  /// QEMU's machine of the same kind.
  static func qemu(_ image: URL) throws -> Machine {
    let script = CacheFolder.qemuSystem.appendingPathComponent("run")
    guard CacheFolder.has(script) else {
      throw CommandFailure("QEMU is not there: run `atoll guest fetch --qemu-system` first")
    }
    // Without firmware QEMU gives a device tree, under which Debian's kernel looks for a PS/2 controller where nothing is.
    let firmware = CacheFolder.qemuSystem.appendingPathComponent("usr/share/qemu-efi-loongarch64/QEMU_EFI.fd")
    // A comma would end the file's name (QEMU's manual, "-drive").
    let file = image.path.replacing(",", with: ",,")
    return Machine(
      program: script.path,
      arguments: [
        "-machine", "virt", "-m", "1G", "-nographic", "-no-reboot", "-bios", firmware.path,
        "-kernel", CacheFolder.kernel.path, "-initrd", CacheFolder.initrd.path,
        "-append", "console=ttyS0 panic=-1 " + commandLine,
        "-drive", "file=\(file),format=raw,if=none,id=root", "-device", "virtio-blk-pci,drive=root",
      ])
  }
}
