// The table of fuzz targets. To add one: write a file beside this one, and one line here.

import FirmwareConfigModel
import FuzzSupport
import PowerModel
import RTCModel
import SerialModel

/// One thing that is fed arbitrary bytes.
public struct FuzzTarget: Sendable {
  /// What `make fuzz TARGET=…` calls it; also the name of its folders under Corpus and Regressions.
  public let name: String
  /// Inputs to start from, beside the files under Corpus.
  public let seeds: [[UInt8]]
  /// Runs one input. Nil if every promise held, otherwise the broken promise in a sentence. A trap is a broken promise as well.
  public let run: @Sendable (_ input: [UInt8]) -> String?

  /// A target called `name`.
  public init(_ name: String, seeds: [[UInt8]] = [], run: @escaping @Sendable (_ input: [UInt8]) -> String?) {
    self.name = name
    self.seeds = seeds
    self.run = run
  }

  /// Every target.
  public static let all: [FuzzTarget] = [
    FuzzTarget("serial", seeds: [Seeds.serial]) { DeviceScript<SerialDevice>.run($0) },
    FuzzTarget("rtc", seeds: [Seeds.rtc]) { DeviceScript<RTCDevice>.run($0) },
    FuzzTarget("power", seeds: [Seeds.power]) { DeviceScript<PowerDevice>.run($0) },
    FuzzTarget("pcie", seeds: [Seeds.pcie]) { DeviceScript<PCIeUnderTest>.run($0) },
    FuzzTarget("flash", seeds: [Seeds.flash]) { DeviceScript<SmallFlash>.run($0) },
    FuzzTarget("fwcfg", seeds: [Seeds.firmwareItems, Seeds.firmwareSession]) {
      FirmwareConfigTarget.run($0) ?? DeviceScript<FirmwareConfigDevice>.run($0)
    },
    FuzzTarget("ring", run: RingTarget.run),
    FuzzTarget("statepage", run: StatePageTarget.run),
    FuzzTarget("cpu", seeds: CPUTarget.seeds, run: CPUTarget.run),
    FuzzTarget("irqchip", seeds: IRQChipTarget.seeds, run: IRQChipTarget.run),
    FuzzTarget("state", seeds: StateTarget.seeds, run: StateTarget.run),
    FuzzTarget("loader", seeds: LoaderTarget.seeds, run: LoaderTarget.run),
    FuzzTarget("tables", seeds: TablesTarget.seeds, run: TablesTarget.run),
    FuzzTarget("splitring", seeds: VirtqueueTarget.seeds(packed: false)) { VirtqueueTarget.run($0, packed: false) },
    FuzzTarget("packedring", seeds: VirtqueueTarget.seeds(packed: true)) { VirtqueueTarget.run($0, packed: true) },
    FuzzTarget("block", seeds: BlockTarget.seeds, run: BlockTarget.run),
    FuzzTarget("vhostfront", seeds: VhostFrontTarget.seeds, run: VhostFrontTarget.run),
    FuzzTarget("vhostback", seeds: VhostBackTarget.seeds, run: VhostBackTarget.run),
  ]

  /// The target called `name`.
  public static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
