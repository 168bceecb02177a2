/// What the headers do not say, and why: everything else that the sources declare is compared.
enum Absent {
  /// Requests.
  static let requests = [
    "KVM_LOONGARCH_GET_CPUCFG": "of Loongson's vendor kernels alone (reference F); no header of Linux has it"
  ]

  /// Constants, or all of a type's.
  static let constants = [
    "KVMCSR":
      "numbers of the architecture's registers (LoongArch Reference Manual Vol. 1, 7.1), not of KVM's interface",
    "CPUProfile": "values of the architecture's CPUCFG words (LoongArch Reference Manual Vol. 1, 2.2.10.5)",
    "InterruptControllers":
      "registers and features of the LS7A and EIOINTC, which the kernel's headers for programs leave out",
    "KVMHypervisor.maximumVCPUs": "compared as “vCPUs at most”",
    "KVMRunArea.minimumSize": "a bound of ours: the end of the last field that is read",
  ]

  /// Whether `name`, "Type.name", is one of them.
  static func has(_ name: String) -> Bool {
    constants[name] != nil || constants[String(name.prefix { $0 != "." })] != nil
  }
}
