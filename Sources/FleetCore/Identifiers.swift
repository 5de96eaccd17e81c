/// A slot: one SO_REUSEPORT socket for each TCP endpoint, which the coordinator holds, and
/// normally one worker that attends them. Slots are numbered from 0 without holes.
package struct SlotID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let index: Int

  package init(_ index: Int) {
    self.index = index
  }

  package static func < (left: SlotID, right: SlotID) -> Bool { left.index < right.index }

  package var description: String { "\(index)" }
}

/// A worker process. Its generation is never used again in the life of the gateway, for any
/// slot, so an event that comes late can't be taken for one of its successor.
package struct WorkerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let slot: SlotID
  package let generation: UInt64

  package init(slot: SlotID, generation: UInt64) {
    self.slot = slot
    self.generation = generation
  }

  package static func < (left: WorkerID, right: WorkerID) -> Bool {
    left.generation < right.generation
  }

  /// Such as `2.17`: slot 2, generation 17.
  package var description: String { "\(slot).\(generation)" }
}

/// Something that takes time and was asked for: a restart, a drain, a change of scale, an
/// upgrade. The end of each is reported once, with this number.
package struct OperationID: Hashable, Sendable, CustomStringConvertible {
  package let number: UInt64

  package init(_ number: UInt64) {
    self.number = number
  }

  package var description: String { "\(number)" }
}

/// How a process ended, as waitpid(2) tells it.
package enum ExitCause: Hashable, Sendable, CustomStringConvertible {
  case status(Int32)
  case signal(Int32)

  package var description: String {
    switch self {
    case .status(let status): "exit status \(status)"
    case .signal(let signal): "signal \(signal)"
    }
  }
}

extension UInt64 {
  /// Times are added so: one that is beyond the end of time is the end of time.
  func clampedAdding(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }

  /// 0 where the other is greater.
  func clampedSubtracting(_ other: UInt64) -> UInt64 {
    self > other ? self - other : 0
  }
}
