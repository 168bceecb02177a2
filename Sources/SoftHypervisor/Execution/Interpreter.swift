import Hypervisor
import Synchronization

extension UnsafeMutablePointer where Pointee == UInt64 {
  /// General register by the byte that a `MicroOp` holds; the decoder only makes 0–32.
  @inline(__always)
  subscript(_ index: UInt8) -> UInt64 {
    get { self[Int(index)] }
    nonmutating set { self[Int(index)] = newValue }
  }
}

@inline(__always) private func word(_ v: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: v) }
@inline(__always) private func sword(_ v: UInt64) -> Int32 { Int32(truncatingIfNeeded: v) }
@inline(__always) private func signExtend(_ v: UInt32) -> UInt64 { UInt64(bitPattern: Int64(Int32(bitPattern: v))) }
@inline(__always) private func signExtend(_ v: Int32) -> UInt64 { UInt64(bitPattern: Int64(v)) }
@inline(__always) private func signed(_ v: UInt64) -> Int64 { Int64(bitPattern: v) }
@inline(__always) private func unsigned(_ v: Int64) -> UInt64 { UInt64(bitPattern: v) }

/// Host address of a guest address whose granule is `entry`.
@inline(__always)
private func host(_ address: UInt64, _ entry: UnsafeMutablePointer<SoftTLBEntry>) -> UnsafeMutableRawPointer {
  // The entry's tag matched, so that its addend leads into a mapped page of guest memory.
  UnsafeMutableRawPointer(bitPattern: Int(truncatingIfNeeded: signed(address)) &+ entry.pointee.addend)
    .unsafelyUnwrapped
}

extension UnsafeMutablePointer where Pointee == CPU {
  /// Instructions between two looks at the clock.
  static var slice: Int { 8192 }

  /// The hot loop: runs blocks until `exit` has been set. One long switch on purpose: everything the loop needs stays in
  /// locals, and the compiler makes one jump table of it. What is not here is in Execution/Cold.
  func runLoop() {
    let x = pointee.registers.gpr
    let vr = pointee.registers.vr
    let fcc = pointee.registers.fcc
    let float = pointee.registers.float
    let jumpCache = pointee.jumpCache
    let attention = pointee.attention
    var dataTLB = pointee.dataTLB
    var modeKey = pointee.modeKey
    var pc = pointee.pc
    // Instructions left in this slice, and what `left` started from: the difference has been executed.
    var left = 0
    var granted = 0

    blocks: while true {
      if left <= 0 || attention.pointee.load(ordering: .relaxed) != 0 {
        let executed = granted &- left
        granted = Self.slice
        left = Self.slice
        pointee.pc = pc
        if !serviceAttention(executed: executed) { return }
        pc = pointee.pc
        modeKey = pointee.modeKey
        dataTLB = pointee.dataTLB
      }
      let jump = jumpCache + JumpCache.index(pc)
      var candidate = jump.pointee.block
      if jump.pointee.key != pc ^ modeKey || candidate == nil {
        pointee.pc = pc
        var failed = false
        candidate = findBlock(failed: &failed)
        if failed {
          pointee.instructions &+= UInt64(truncatingIfNeeded: granted &- left)
          return
        }
      }
      guard let block = candidate else {
        pc = pointee.pc
        modeKey = pointee.modeKey
        dataTLB = pointee.dataTLB
        continue blocks
      }
      let first = block.pointee.ops
      var op = first
      left &-= Int(block.pointee.count)
      var status = Step.next

      @inline(__always) func here() -> UInt64 { pc &+ UInt64(truncatingIfNeeded: op - first) &* 4 }

      ops: while true {
        let o = op.pointee
        switch o.code {
        case .move: x[o.a] = x[o.b]
        case .constant: x[o.a] = o.offset
        case .lu32iD: x[o.a] = x[o.b] & 0xffff_ffff | o.offset << 32
        case .lu52iD: x[o.a] = x[o.b] & 0x000f_ffff_ffff_ffff | o.offset << 52
        case .pcAdd: x[o.a] = here() &+ o.offset << UInt64(o.c)
        case .pcAlign: x[o.a] = (here() &+ o.offset << 12) & ~0xfff
        case .addW: x[o.a] = signExtend(word(x[o.b] &+ x[o.c]))
        case .addD: x[o.a] = x[o.b] &+ x[o.c]
        case .subW: x[o.a] = signExtend(word(x[o.b] &- x[o.c]))
        case .subD: x[o.a] = x[o.b] &- x[o.c]
        case .slt: x[o.a] = signed(x[o.b]) < signed(x[o.c]) ? 1 : 0
        case .sltu: x[o.a] = x[o.b] < x[o.c] ? 1 : 0
        case .and: x[o.a] = x[o.b] & x[o.c]
        case .or: x[o.a] = x[o.b] | x[o.c]
        case .xor: x[o.a] = x[o.b] ^ x[o.c]
        case .nor: x[o.a] = ~(x[o.b] | x[o.c])
        case .andn: x[o.a] = x[o.b] & ~x[o.c]
        case .orn: x[o.a] = x[o.b] | ~x[o.c]
        case .addiW: x[o.a] = signExtend(word(x[o.b] &+ o.offset))
        case .addiD: x[o.a] = x[o.b] &+ o.offset
        case .slti: x[o.a] = signed(x[o.b]) < Int64(o.imm) ? 1 : 0
        case .sltui: x[o.a] = x[o.b] < o.offset ? 1 : 0
        case .andi: x[o.a] = x[o.b] & o.offset
        case .ori: x[o.a] = x[o.b] | o.offset
        case .xori: x[o.a] = x[o.b] ^ o.offset
        case .alslW: x[o.a] = signExtend(word(x[o.b] &<< o.offset &+ x[o.c]))
        case .alslWU: x[o.a] = UInt64(word(x[o.b] &<< o.offset &+ x[o.c]))
        case .alslD: x[o.a] = x[o.b] &<< o.offset &+ x[o.c]
        case .maskeqz: x[o.a] = x[o.c] == 0 ? 0 : x[o.b]
        case .masknez: x[o.a] = x[o.c] != 0 ? 0 : x[o.b]
        case .sllW: x[o.a] = signExtend(word(x[o.b]) &<< word(x[o.c]))
        case .srlW: x[o.a] = signExtend(word(x[o.b]) &>> word(x[o.c]))
        case .sraW: x[o.a] = signExtend(sword(x[o.b]) &>> sword(x[o.c]))
        case .sllD: x[o.a] = x[o.b] &<< x[o.c]
        case .srlD: x[o.a] = x[o.b] &>> x[o.c]
        case .sraD: x[o.a] = unsigned(signed(x[o.b]) &>> signed(x[o.c]))
        case .rotrW: x[o.a] = signExtend(word(x[o.b]) &>> word(x[o.c]) | word(x[o.b]) &<< (0 &- word(x[o.c])))
        case .rotrD: x[o.a] = x[o.b] &>> x[o.c] | x[o.b] &<< (0 &- x[o.c])
        case .slliW: x[o.a] = signExtend(word(x[o.b]) &<< word(o.offset))
        case .srliW: x[o.a] = signExtend(word(x[o.b]) &>> word(o.offset))
        case .sraiW: x[o.a] = signExtend(sword(x[o.b]) &>> sword(o.offset))
        case .slliD: x[o.a] = x[o.b] &<< o.offset
        case .srliD: x[o.a] = x[o.b] &>> o.offset
        case .sraiD: x[o.a] = unsigned(signed(x[o.b]) &>> signed(o.offset))
        case .rotriW: x[o.a] = signExtend(word(x[o.b]) &>> word(o.offset) | word(x[o.b]) &<< (0 &- word(o.offset)))
        case .rotriD: x[o.a] = x[o.b] &>> o.offset | x[o.b] &<< (0 &- o.offset)
        case .mulW: x[o.a] = signExtend(word(x[o.b]) &* word(x[o.c]))
        case .mulD: x[o.a] = x[o.b] &* x[o.c]
        case .mulhW: x[o.a] = unsigned((Int64(sword(x[o.b])) &* Int64(sword(x[o.c]))) &>> 32)
        case .mulhWU: x[o.a] = signExtend(word((UInt64(word(x[o.b])) &* UInt64(word(x[o.c]))) &>> 32))
        case .mulhD: x[o.a] = unsigned(signed(x[o.b]).multipliedFullWidth(by: signed(x[o.c])).high)
        case .mulhDU: x[o.a] = x[o.b].multipliedFullWidth(by: x[o.c]).high
        case .mulwDW: x[o.a] = unsigned(Int64(sword(x[o.b])) &* Int64(sword(x[o.c])))
        case .mulwDWU: x[o.a] = UInt64(word(x[o.b])) &* UInt64(word(x[o.c]))
        case .divW: x[o.a] = Division.divideW(x[o.b], x[o.c])
        case .divWU: x[o.a] = Division.divideWU(x[o.b], x[o.c])
        case .divD: x[o.a] = Division.divideD(x[o.b], x[o.c])
        case .divDU: x[o.a] = Division.divideDU(x[o.b], x[o.c])
        case .modW: x[o.a] = Division.remainderW(x[o.b], x[o.c])
        case .modWU: x[o.a] = Division.remainderWU(x[o.b], x[o.c])
        case .modD: x[o.a] = Division.remainderD(x[o.b], x[o.c])
        case .modDU: x[o.a] = Division.remainderDU(x[o.b], x[o.c])
        case .extWB: x[o.a] = unsigned(Int64(Int8(truncatingIfNeeded: x[o.b])))
        case .extWH: x[o.a] = unsigned(Int64(Int16(truncatingIfNeeded: x[o.b])))
        case .bstrinsW:
          // msb >= lsb, both at most 31.
          let mask = (UInt64(2) &<< UInt64(truncatingIfNeeded: o.imm) &- 1) & ~0 &<< UInt64(o.c)
          x[o.a] = signExtend(word(x[o.a == 32 ? 0 : o.a] & ~mask | x[o.b] &<< UInt64(o.c) & mask))
        case .bstrpickW:
          x[o.a] = signExtend(word(x[o.b] & (UInt64(2) &<< UInt64(truncatingIfNeeded: o.imm) &- 1)) &>> UInt32(o.c))
        case .bstrinsD:
          let mask = (~UInt64(0) &>> (63 &- UInt64(truncatingIfNeeded: o.imm))) & ~0 &<< UInt64(o.c)
          x[o.a] = x[o.a == 32 ? 0 : o.a] & ~mask | x[o.b] &<< UInt64(o.c) & mask
        case .bstrpickD:
          x[o.a] = (x[o.b] & (~UInt64(0) &>> (63 &- UInt64(truncatingIfNeeded: o.imm)))) &>> UInt64(o.c)
        case .clzW: x[o.a] = UInt64(word(x[o.b]).leadingZeroBitCount)
        case .clzD: x[o.a] = UInt64(x[o.b].leadingZeroBitCount)
        case .ctzW: x[o.a] = UInt64(word(x[o.b]).trailingZeroBitCount)
        case .ctzD: x[o.a] = UInt64(x[o.b].trailingZeroBitCount)
        case .revb2H: x[o.a] = signExtend((word(x[o.b]) & 0xff00_ff00) &>> 8 | (word(x[o.b]) & 0x00ff_00ff) &<< 8)
        case .revb4H: x[o.a] = (x[o.b] & 0xff00_ff00_ff00_ff00) &>> 8 | (x[o.b] & 0x00ff_00ff_00ff_00ff) &<< 8
        case .revb2W: x[o.a] = x[o.b].byteSwapped &<< 32 | x[o.b].byteSwapped &>> 32
        case .revbD: x[o.a] = x[o.b].byteSwapped

        case .ldB:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == address & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).load(as: Int8.self)))
          } else {
            status = slowLoad(address, 1, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldH:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 1) & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).loadUnaligned(as: Int16.self)))
          } else {
            status = slowLoad(address, 2, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldW:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).loadUnaligned(as: Int32.self)))
          } else {
            status = slowLoad(address, 4, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldD:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 7) & SoftTLB.pageMask {
            x[o.a] = host(address, entry).loadUnaligned(as: UInt64.self)
          } else {
            status = slowLoad(address, 8, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldBU:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == address & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).load(as: UInt8.self))
          } else {
            status = slowLoad(address, 1, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldHU:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 1) & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).loadUnaligned(as: UInt16.self))
          } else {
            status = slowLoad(address, 2, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldWU:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).loadUnaligned(as: UInt32.self))
          } else {
            status = slowLoad(address, 4, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxB:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == address & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).load(as: Int8.self)))
          } else {
            status = slowLoad(address, 1, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxH:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 1) & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).loadUnaligned(as: Int16.self)))
          } else {
            status = slowLoad(address, 2, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxW:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            x[o.a] = unsigned(Int64(host(address, entry).loadUnaligned(as: Int32.self)))
          } else {
            status = slowLoad(address, 4, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxD:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 7) & SoftTLB.pageMask {
            x[o.a] = host(address, entry).loadUnaligned(as: UInt64.self)
          } else {
            status = slowLoad(address, 8, signed: true, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxBU:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == address & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).load(as: UInt8.self))
          } else {
            status = slowLoad(address, 1, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxHU:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 1) & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).loadUnaligned(as: UInt16.self))
          } else {
            status = slowLoad(address, 2, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .ldxWU:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            x[o.a] = UInt64(host(address, entry).loadUnaligned(as: UInt32.self))
          } else {
            status = slowLoad(address, 4, signed: false, o.a, here())
            if status != Step.next { break ops }
          }
        case .stB:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == address & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt8(truncatingIfNeeded: x[o.a]), as: UInt8.self)
          } else {
            status = slowStore(address, 1, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stH:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 1) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt16(truncatingIfNeeded: x[o.a]), as: UInt16.self)
          } else {
            status = slowStore(address, 2, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stW:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 3) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt32(truncatingIfNeeded: x[o.a]), as: UInt32.self)
          } else {
            status = slowStore(address, 4, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stD:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 7) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: x[o.a], as: UInt64.self)
          } else {
            status = slowStore(address, 8, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stxB:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == address & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt8(truncatingIfNeeded: x[o.a]), as: UInt8.self)
          } else {
            status = slowStore(address, 1, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stxH:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 1) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt16(truncatingIfNeeded: x[o.a]), as: UInt16.self)
          } else {
            status = slowStore(address, 2, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stxW:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 3) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt32(truncatingIfNeeded: x[o.a]), as: UInt32.self)
          } else {
            status = slowStore(address, 4, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .stxD:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 7) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: x[o.a], as: UInt64.self)
          } else {
            status = slowStore(address, 8, x[o.a], here())
            if status != Step.next { break ops }
          }
        case .fldS:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            vr[Int(o.a) &* 2] = UInt64(host(address, entry).loadUnaligned(as: UInt32.self)) | 0xffff_ffff_0000_0000
          } else {
            status = slowLoadFloat(address, 4, o.a, here())
            if status != Step.next { break ops }
          }
        case .fstS:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          let value = vr[Int(o.a) &* 2]
          if entry.pointee.writeTag == (address &+ 3) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
          } else {
            status = slowStoreFloat(address, 4, value, here())
            if status != Step.next { break ops }
          }
        case .fldD:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 7) & SoftTLB.pageMask {
            vr[Int(o.a) &* 2] = host(address, entry).loadUnaligned(as: UInt64.self)
          } else {
            status = slowLoadFloat(address, 8, o.a, here())
            if status != Step.next { break ops }
          }
        case .fstD:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          let value = vr[Int(o.a) &* 2]
          if entry.pointee.writeTag == (address &+ 7) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: value, as: UInt64.self)
          } else {
            status = slowStoreFloat(address, 8, value, here())
            if status != Step.next { break ops }
          }
        case .fldxS:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 3) & SoftTLB.pageMask {
            vr[Int(o.a) &* 2] = UInt64(host(address, entry).loadUnaligned(as: UInt32.self)) | 0xffff_ffff_0000_0000
          } else {
            status = slowLoadFloat(address, 4, o.a, here())
            if status != Step.next { break ops }
          }
        case .fstxS:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          let value = vr[Int(o.a) &* 2]
          if entry.pointee.writeTag == (address &+ 3) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
          } else {
            status = slowStoreFloat(address, 4, value, here())
            if status != Step.next { break ops }
          }
        case .fldxD:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 7) & SoftTLB.pageMask {
            vr[Int(o.a) &* 2] = host(address, entry).loadUnaligned(as: UInt64.self)
          } else {
            status = slowLoadFloat(address, 8, o.a, here())
            if status != Step.next { break ops }
          }
        case .fstxD:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          let value = vr[Int(o.a) &* 2]
          if entry.pointee.writeTag == (address &+ 7) & SoftTLB.pageMask {
            host(address, entry).storeBytes(of: value, as: UInt64.self)
          } else {
            status = slowStoreFloat(address, 8, value, here())
            if status != Step.next { break ops }
          }
        case .vld:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 15) & SoftTLB.pageMask {
            let source = host(address, entry)
            vr[Int(o.a) &* 2] = source.loadUnaligned(as: UInt64.self)
            vr[Int(o.a) &* 2 &+ 1] = source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          } else {
            status = slowLoadVector(address, o.a, here())
            if status != Step.next { break ops }
          }
        case .vst:
          let address = x[o.b] &+ o.offset
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 15) & SoftTLB.pageMask {
            let target = host(address, entry)
            target.storeBytes(of: vr[Int(o.a) &* 2], as: UInt64.self)
            target.storeBytes(of: vr[Int(o.a) &* 2 &+ 1], toByteOffset: 8, as: UInt64.self)
          } else {
            status = slowStoreVector(address, o.a, here())
            if status != Step.next { break ops }
          }
        case .vldx:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.readTag == (address &+ 15) & SoftTLB.pageMask {
            let source = host(address, entry)
            vr[Int(o.a) &* 2] = source.loadUnaligned(as: UInt64.self)
            vr[Int(o.a) &* 2 &+ 1] = source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          } else {
            status = slowLoadVector(address, o.a, here())
            if status != Step.next { break ops }
          }
        case .vstx:
          let address = x[o.b] &+ x[o.c]
          let entry = dataTLB + SoftTLB.index(address)
          if entry.pointee.writeTag == (address &+ 15) & SoftTLB.pageMask {
            let target = host(address, entry)
            target.storeBytes(of: vr[Int(o.a) &* 2], as: UInt64.self)
            target.storeBytes(of: vr[Int(o.a) &* 2 &+ 1], toByteOffset: 8, as: UInt64.self)
          } else {
            status = slowStoreVector(address, o.a, here())
            if status != Step.next { break ops }
          }

        case .fmovD: vr[Int(o.a) &* 2] = vr[Int(o.b) &* 2]
        case .fmovGR2FRD: vr[Int(o.a) &* 2] = x[o.b]
        case .fmovFR2GRD: x[o.a] = vr[Int(o.b) &* 2]
        case .faddD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotAddD(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fsubD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotSubtractD(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fmulD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotMultiplyD(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fdivD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotDivideD(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fmaddD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedD(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: false, negateResult: false, float)
          }
        case .fmsubD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedD(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: true, negateResult: false, float)
          }
        case .fnmaddD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedD(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: false, negateResult: true, float)
          }
        case .fnmsubD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedD(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: true, negateResult: true, float)
          }
        case .fcmpD:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            fcc[Int(o.a)] = hotCompareD(
              vr, Int(o.b), Int(o.c), condition: UInt32(bitPattern: o.imm), float)
          }
        case .faddS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotAddS(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fsubS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotSubtractS(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fmulS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotMultiplyS(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fdivS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotDivideS(vr, Int(o.a), Int(o.b), Int(o.c), float)
          }
        case .fmaddS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedS(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: false, negateResult: false, float)
          }
        case .fmsubS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedS(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: true, negateResult: false, float)
          }
        case .fnmaddS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedS(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: false, negateResult: true, float)
          }
        case .fnmsubS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            hotFusedS(
              vr, Int(o.a), Int(o.b), Int(o.c), Int(o.imm), negateAddend: true, negateResult: true, float)
          }
        case .fcmpS:
          if float.pointee.mayTrap {
            status = executeColdFloat(block.pointee.words[op - first], at: here())
            if status != Step.next { break ops }
          } else {
            fcc[Int(o.a)] = hotCompareS(
              vr, Int(o.b), Int(o.c), condition: UInt32(bitPattern: o.imm), float)
          }

        case .beqz:
          pc = here() &+ (x[o.b] == 0 ? o.offset : 4)
          continue blocks
        case .bnez:
          pc = here() &+ (x[o.b] != 0 ? o.offset : 4)
          continue blocks
        case .beq:
          pc = here() &+ (x[o.b] == x[o.a] ? o.offset : 4)
          continue blocks
        case .bne:
          pc = here() &+ (x[o.b] != x[o.a] ? o.offset : 4)
          continue blocks
        case .blt:
          pc = here() &+ (signed(x[o.b]) < signed(x[o.a]) ? o.offset : 4)
          continue blocks
        case .bge:
          pc = here() &+ (signed(x[o.b]) >= signed(x[o.a]) ? o.offset : 4)
          continue blocks
        case .bltu:
          pc = here() &+ (x[o.b] < x[o.a] ? o.offset : 4)
          continue blocks
        case .bgeu:
          pc = here() &+ (x[o.b] >= x[o.a] ? o.offset : 4)
          continue blocks
        case .bceqz:
          pc = here() &+ (fcc[Int(o.b)] == 0 ? o.offset : 4)
          continue blocks
        case .bcnez:
          pc = here() &+ (fcc[Int(o.b)] != 0 ? o.offset : 4)
          continue blocks
        case .b:
          pc = here() &+ o.offset
          continue blocks
        case .bl:
          let at = here()
          x[1] = at &+ 4
          pc = at &+ o.offset
          continue blocks
        case .jirl:
          let target = x[o.b] &+ o.offset
          x[o.a] = here() &+ 4
          pc = target
          if target & 3 != 0 { jumpCache[JumpCache.index(target)] = JumpEntry() }
          continue blocks

        case .nop: break
        case .fence: atomicMemoryFence(ordering: .sequentiallyConsistent)
        case .fallThrough:
          pc = here()
          continue blocks
        case .disabled:
          status = exception(Int(o.imm), at: here())
          break ops
        case .cold:
          status = executeCold(UInt32(bitPattern: o.imm), at: here())
          if status != Step.next { break ops }
        case .coldFloat:
          status = executeColdFloat(UInt32(bitPattern: o.imm), at: here())
          if status != Step.next { break ops }
        case .coldVector:
          status = executeColdVector(UInt32(bitPattern: o.imm), at: here())
          if status != Step.next { break ops }
        }
        op += 1
      }

      // Out of the middle of a block: what was not executed goes back into the slice.
      left &+= Int(block.pointee.count) &- (op - first) &- 1
      if status == Step.leave {
        pointee.instructions &+= UInt64(truncatingIfNeeded: granted &- left)
        return
      }
      pc = pointee.pc
      modeKey = pointee.modeKey
      dataTLB = pointee.dataTLB
      // Whatever made the loop reload may also have made an interrupt possible.
      if pointee.csr[CSR.crmd] & CSR.crmdIE != 0 {
        granted &-= left
        left = 0
      }
    }
  }
}

/// Division where the host would trap. By zero any value is allowed (Vol. 1, 2.2.1.16): as in QEMU the quotient is the
/// dividend and the remainder 0, so that the differential test covers it.
enum Division {
  @inline(__always) static func divideW(_ a: UInt64, _ b: UInt64) -> UInt64 {
    sword(b) == 0 ? signExtend(sword(a)) : signExtend(sword(a).dividedReportingOverflow(by: sword(b)).partialValue)
  }
  @inline(__always) static func divideWU(_ a: UInt64, _ b: UInt64) -> UInt64 {
    signExtend(word(b) == 0 ? word(a) : word(a) / word(b))
  }
  @inline(__always) static func divideD(_ a: UInt64, _ b: UInt64) -> UInt64 {
    b == 0 ? a : unsigned(signed(a).dividedReportingOverflow(by: signed(b)).partialValue)
  }
  @inline(__always) static func divideDU(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? a : a / b }
  @inline(__always) static func remainderW(_ a: UInt64, _ b: UInt64) -> UInt64 {
    sword(b) == 0 ? 0 : signExtend(sword(a).remainderReportingOverflow(dividingBy: sword(b)).partialValue)
  }
  @inline(__always) static func remainderWU(_ a: UInt64, _ b: UInt64) -> UInt64 {
    word(b) == 0 ? 0 : signExtend(word(a) % word(b))
  }
  @inline(__always) static func remainderD(_ a: UInt64, _ b: UInt64) -> UInt64 {
    b == 0 ? 0 : unsigned(signed(a).remainderReportingOverflow(dividingBy: signed(b)).partialValue)
  }
  @inline(__always) static func remainderDU(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? 0 : a % b }
}
