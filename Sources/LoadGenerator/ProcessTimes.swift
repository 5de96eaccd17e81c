/// What processes have used since ``ProcessFigures`` began, or between two such readings.
///
/// Every number only grows from one reading to the next.
package struct ProcessTimes: Equatable, Sendable {
  package struct OfProcess: Equatable, Sendable {
    package let pid: Int32
    /// As the kernel has it: the program's name, 15 bytes at most.
    package let name: String
    /// User and system, of all threads.
    package var cpuNanoseconds: UInt64
    /// How long its threads, all together, were ready to run while something else had their
    /// cores. Of threads that have ended, what was read of them. Zero where the kernel doesn't
    /// count it.
    package var waitingNanoseconds: UInt64
  }

  /// In the order in which they were found, also those that have ended meanwhile.
  package var processes: [OfProcess] = []

  /// What children used between their last reading and their end, where their parent has waited
  /// for them. Counted in hundredths of a second, and never too much by more than that.
  package var endedChildrenCPUNanoseconds: UInt64 = 0

  /// Of all processes, with the ended children.
  package var cpuNanoseconds: UInt64 {
    processes.reduce(endedChildrenCPUNanoseconds) { $0 + $1.cpuNanoseconds }
  }

  /// Of all processes.
  package var waitingNanoseconds: UInt64 {
    processes.reduce(0) { $0 + $1.waitingNanoseconds }
  }

  /// What was used after `earlier`, a reading of the same ``ProcessFigures``.
  package func since(_ earlier: ProcessTimes) -> ProcessTimes {
    var difference = self
    difference.endedChildrenCPUNanoseconds -= earlier.endedChildrenCPUNanoseconds
    // Processes are appended and never removed, so they are at the same places.
    for index in earlier.processes.indices {
      difference.processes[index].cpuNanoseconds -= earlier.processes[index].cpuNanoseconds
      difference.processes[index].waitingNanoseconds -= earlier.processes[index].waitingNanoseconds
    }
    return difference
  }
}
