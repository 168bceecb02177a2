import Hypervisor
import Synchronization

extension UnsafeMutablePointer where Pointee == CPU {
  /// ESTAT.IS: software bits, the irqchip's lines, the timer.
  var pendingInterrupts: UInt64 {
    let lines = pointee.lines.pointee.load(ordering: .acquiring)
    return pointee.csr[CSR.estat] & CSR.estatSoftware | lines | (pointee.timerPending ? CSR.estatTimer : 0)
  }

  /// Between blocks, every few thousand instructions or when poked: timer, changed text, kicks, interrupts.
  /// Returns false if the loop must end (`exit` is set). Uses and sets `pc`.
  ///
  /// `executed` instructions have passed since the last call: the clock is read once a slice, not at every call.
  func serviceAttention(executed: Int) -> Bool {
    let shared = pointee.shared
    pointee.instructions &+= UInt64(truncatingIfNeeded: executed)
    pointee.sinceClock &+= executed
    let poked = pointee.waker._withUnsafeGuaranteedRef { $0.take() }
    if poked {
      let epoch = shared._withUnsafeGuaranteedRef { $0.textEpoch.load(ordering: .acquiring) }
      if epoch != pointee.seenTextEpoch {
        pointee.seenTextEpoch = epoch
        flushJumpCache()
      }
    }
    if pointee.kick.pointee.exchange(0, ordering: .acquiring) != 0 {
      pointee.exit = .interrupted
      return false
    }
    if pointee.sinceClock >= Self.slice {
      pointee.sinceClock = 0
      updateTimer()
    }
    takeInterrupt()
    return true
  }

  /// Enters the highest pending enabled interrupt, if CRMD.IE allows.
  private func takeInterrupt() {
    guard pointee.csr[CSR.crmd] & CSR.crmdIE != 0 else { return }
    let enabled = pendingInterrupts & pointee.csr[CSR.ecfg] & CSR.interruptMask
    if enabled != 0 { interrupt(63 - enabled.leadingZeroBitCount, at: pointee.pc) }
  }
}
