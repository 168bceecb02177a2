import Hypervisor
import KVMHypervisor
import System

extension KVMCheck {
  /// ioeventfds, as far as they can be seen without a guest (reference A.7).
  func checkDoorbells(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let one = try makeEvent()
    let two = try makeEvent()
    let (first, second) = (one.descriptor.raw, two.descriptor.raw)
    let address = GuestProgram.doorbell
    func bind(_ event: Int32, _ length: UInt32, _ match: UInt64? = nil) -> String {
      let seen = outcome { () throws(HypervisorError) in
        try raw.machine.bindDoorbell(event, address: address, length: length, match: match)
      }
      return isSame(seen, "ok") ? "ok" : "refused"
    }
    report.expect("a doorbell of 4 bytes", "ok", seen: bind(first, 4))
    report.expect("another for the same stores", "refused", seen: bind(second, 4))
    report.expect("another for one value of them", "refused", seen: bind(second, 4, 7))
    report.expect("another for 8 bytes", "ok", seen: bind(second, 8))
    raw.machine.unbindDoorbell(first, address: address)
    report.expect("the first again, after it was unbound", "ok", seen: bind(first, 4))
    report.expect("a doorbell of 3 bytes", "refused", seen: bind(second, 3))
  }
}
