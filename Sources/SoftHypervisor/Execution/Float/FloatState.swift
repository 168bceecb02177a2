/// FCSR0 of one vCPU and what is needed to derive its lazily kept parts.
struct FloatState {
  /// FCSR0: Enables 4:0 (I,U,O,Z,V), RM 9:8, Flags 20:16, Cause 28:24.
  var fcsr: UInt32 = 0
}
