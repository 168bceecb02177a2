import Hypervisor
import KVMHypervisor
import System

/// struct kvm_fpu as words of 64 bits: FCSR, condition flags, then four of each register.
private typealias FloatWords = InlineArray<130, UInt64>

extension KVMCheck {
  /// Whether KVM_SET_FPU and KVM_GET_FPU carry whole registers. Some kernels carry 4 bytes of the 32: no failure of this check,
  /// but what follows is said.
  func checkFloat(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let vcpu = raw.vcpus[0].descriptor
    var written = FloatWords(repeating: 0)
    for index in 2..<130 { written[index] = 0x0123_4567_89ab_cdef &* UInt64(index) }
    try calls.request(vcpu, .setFPU, &written)
    var seen = FloatWords(repeating: 0)
    try calls.request(vcpu, .getFPU, &seen)
    let bytes = commonBytes(written, seen)
    let words = bytes == 32 ? "32 bytes" : "\(bytes) bytes: saving and restoring a machine is refused"
    report.tell("of each FP register are carried", words)
  }

  /// How many of the first bytes of every register came back.
  private func commonBytes(_ written: FloatWords, _ seen: FloatWords) -> Int {
    var least = 32
    for register in 0..<32 {
      var same = 0
      while same < 32, byte(written, register, same) == byte(seen, register, same) { same += 1 }
      least = min(least, same)
    }
    return least
  }

  private func byte(_ words: FloatWords, _ register: Int, _ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: words[2 + register * 4 + index / 8] >> UInt64(index % 8 * 8))
  }
}
