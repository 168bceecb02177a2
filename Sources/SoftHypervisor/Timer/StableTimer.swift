import System

/// The stable counter (100 MHz) and the per-CPU count-down timer (Vol. 1, 7.6; reference D.5).
///
/// The timer is a deadline in counter ticks. It is looked at every few thousand instructions and when the vCPU sleeps, so
/// that a running guest pays nothing for it.
extension UnsafeMutablePointer where Pointee == CPU {
  /// Ticks since the machine was created, the same on all vCPUs: what timers are measured with.
  var ticks: UInt64 { pointee.shared._withUnsafeGuaranteedRef { $0.ticks } }

  /// What rdtime reads, but for CNTC.
  var stableCounter: UInt64 { pointee.shared._withUnsafeGuaranteedRef { $0.ticks &+ $0.counterBase } }

  /// TCFG was written: load and start, or stop.
  func startTimer() {
    let configuration = pointee.csr[CSR.tcfg]
    guard configuration & CSR.tcfgEnable != 0 else {
      pointee.csr[CSR.tval] = timerValue
      pointee.timerDeadline = .max
      return
    }
    pointee.timerDeadline = ticks &+ (configuration & ~3)
  }

  /// What csrrd TVAL reads: ticks left; a one-shot timer that has fired stays at all ones.
  var timerValue: UInt64 { timerValue(at: ticks) }

  /// The same at a given time.
  func timerValue(at now: UInt64) -> UInt64 {
    if pointee.timerDeadline == .max { return pointee.csr[CSR.tval] }
    return pointee.timerDeadline > now ? pointee.timerDeadline - now : 0
  }

  /// Fires the timer if its time has come.
  func updateTimer() {
    guard pointee.timerDeadline != .max else { return }
    let now = ticks
    guard now >= pointee.timerDeadline else { return }
    pointee.timerPending = true
    let configuration = pointee.csr[CSR.tcfg]
    if configuration & CSR.tcfgPeriodic != 0 {
      // Periods missed while the host was elsewhere are not made up: the interrupt is one bit.
      let period = max(configuration & ~3, 4)
      let missed = (now - pointee.timerDeadline) / period
      pointee.timerDeadline &+= (missed + 1) &* period
    } else {
      pointee.timerDeadline = .max
      pointee.csr[CSR.tval] = 0xffff_ffff_ffff
      pointee.csr[CSR.tcfg] &= ~CSR.tcfgEnable
    }
  }

  /// Nanoseconds until the timer fires; nil if it is not running.
  var nanosecondsToTimer: Int64? {
    guard pointee.timerDeadline != .max else { return nil }
    let now = ticks
    guard pointee.timerDeadline > now else { return 0 }
    return Int64(clamping: (pointee.timerDeadline - now).multipliedReportingOverflow(by: 10).partialValue)
  }
}
