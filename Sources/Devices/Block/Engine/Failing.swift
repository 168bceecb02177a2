// The ends of requests that go wrong, and what the log says of them.

import BlockModel
import System

extension BlockEngine {
  /// The driver's fault.
  mutating func refuse(_ slot: Int, _ refusal: BlockRefusal) {
    if let times = failures.count(refusal), logs {
      Log.line("atoll-block: the guest \(refusal.sentence) (queue \(requests[slot].queue), \(Self.times(times)))")
    }
    end(slot, refusal.status, written: requests[slot].statusOnly)
  }

  /// The disk's fault: `value` is -errno, or 0 when the file ended.
  ///
  /// After a read the used length is what was read until then.
  mutating func fail(_ slot: Int, _ value: Int) {
    let request = requests[slot]
    if let times = failures.count(request.operation), logs {
      let reason = value == 0 ? "the disk has become shorter" : Errno.text(Int32(truncatingIfNeeded: -value))
      Log.line("atoll-block: \(request.operation.name) at byte \(request.offset): \(reason) (\(Self.times(times)))")
    }
    end(slot, .failed, written: request.operation == .read ? request.readBytes : request.statusOnly)
  }

  private static func times(_ count: UInt64) -> String { count == 1 ? "the first time" : "\(count) times" }
}

extension Request {
  /// Bytes that a read has put into the writable part so far, from its first on.
  fileprivate var readBytes: UInt32 { UInt32(clamping: max(0, Int64(writable) - 1 - left)) }
}
