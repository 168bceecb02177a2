import CSystem

/// `KVMCalls` of the running kernel.
public final class KernelCalls: KVMCalls {
  public init() {}

  @inline(__always)
  public func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int {
    atoll_kvm_control(descriptor, UInt(request), argument)
  }

  public func map(_ descriptor: Int32, size: Int) -> UnsafeMutableRawPointer? {
    var error: Int32 = 0
    // 3: PROT_READ | PROT_WRITE
    return atoll_map(descriptor, UInt(size), 0, 3, &error)
  }

  public func unmap(_ base: UnsafeMutableRawPointer, size: Int) { _ = atoll_unmap(base, UInt(size)) }
  public func close(_ descriptor: Int32) { _ = atoll_close(descriptor) }
  public func prepareThread() -> Int32 { atoll_kvm_prepare_thread() }
  public func interrupt(thread: Int32) { _ = atoll_kvm_interrupt(thread) }
  public func hostConfiguration(_ word: UInt32) -> UInt32 { atoll_host_cpucfg(word) }
  public var pageSize: Int { Int(atoll_page_size()) }
}
