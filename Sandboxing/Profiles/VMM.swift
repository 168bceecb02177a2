extension Profile {
  /// The only process that all others trust: vCPUs, interrupt controller, address map. It makes its threads and maps
  /// guest RAM at a huge-page boundary before the second filter, and neither afterwards.
  public static var vmm: Profile {
    Profile(
      name: "vmm",
      holds: "log pipe, set-up socket, guest RAM, every ring, every interrupt and doorbell eventfd",
      running: Profile.device + Syscall.inThreads + [
        .allow("epoll_wait"),
        .allow("epoll_pwait"),
        .allow("epoll_ctl"),
        .allow("preadv2"),  // a doorbell that somebody filled, so that nobody waits for room in it
        .allow("dup3"),  // a restarted device's new eventfd in the place of the old one
      ],
      attaching: Syscall.makingThreads + [
        // MAP_FIXED into the room that it has just reserved.
        .allow("mmap", .argument(2, hasNone: ~3)),
        .allow("epoll_create1"),
        .allow("eventfd2"),
        .allow("timerfd_create"),
      ],
      openFiles: 500,
      threads: 300,
      dataBytes: 2 << 30)
  }

  /// The same with /dev/kvm, until its machine is made, and with that machine of the kernel's afterwards. A VMM that was given
  /// /dev/kvm and went on with software CPUs has this profile and nothing that it would apply to.
  public static var vmmOnKVM: Profile {
    var profile = vmm
    profile.name = "vmm-kvm"
    profile.holds =
      "log pipe, set-up socket, guest RAM, every ring, every interrupt and doorbell eventfd, a machine of KVM's and its vCPUs"
    profile.running += Syscall.usingKVM + Syscall.kicking
    profile.attaching += Syscall.settingUpKVM
    // 256 vCPUs, and 160 doorbells and as many vectors of the PCIe host.
    profile.openFiles = 700
    return profile
  }
}
