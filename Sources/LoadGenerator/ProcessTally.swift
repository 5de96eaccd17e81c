/// One look at one process.
struct ProcessSample {
  /// A process number is used again; with the start it names one process only.
  struct Identity: Hashable {
    var pid: Int32
    /// In clock ticks since the machine started.
    var startTicks: UInt64
  }

  var identity: Identity
  var name: String
  /// Of all threads, also those that have ended.
  var cpuNanoseconds: UInt64
  /// CPU time of all children that it has waited for, theirs included, in whole clock ticks.
  var reapedNanoseconds: UInt64
  /// Of each thread that runs.
  var waitingNanoseconds: [Int32: UInt64]
}

/// Adds up what a changing set of processes uses, from samples of those that are there.
///
/// - A process that was there before counts with what it has used since.
/// - One that is new counts with all that it has used: it has been started since.
/// - Of one that is gone, the rest is what its parent's count of waited-for children has grown
///   by, minus what was counted already. That count is in clock ticks. A child that nobody
///   waited for (SIGCHLD ignored, or its parent gone) lets what has been counted stand, but
///   what it used after its last sample is not known; so much may then be missing for other
///   children that end. There is never more than was used, but for the ticks.
struct ProcessTally {
  private(set) var times = ProcessTimes()

  private struct Known {
    var last: ProcessSample
    let place: Int
  }

  private var known: [ProcessSample.Identity: Known] = [:]
  private var began = false

  /// What waited-for children were found to have used, less what was counted while they ran.
  private var reapedBalance: Int64 = 0

  var identities: [ProcessSample.Identity] {
    known.values.sorted { $0.place < $1.place }.map(\.last.identity)
  }

  /// Takes one look at all processes. The first is where counting begins. A parent must have
  /// been sampled before its children, so that one that ends in between is not counted twice.
  mutating func add(_ samples: [ProcessSample]) {
    var gone = known
    for sample in samples {
      if let before = gone.removeValue(forKey: sample.identity) {
        count(sample, since: before.last, at: before.place)
        known[sample.identity]?.last = sample
      } else if known[sample.identity] == nil {
        known[sample.identity] = Known(last: sample, place: times.processes.count)
        times.processes.append(
          ProcessTimes.OfProcess(
            pid: sample.identity.pid, name: sample.name, cpuNanoseconds: 0, waitingNanoseconds: 0))
        if began { count(sample, since: nil, at: times.processes.count - 1) }
      }
    }
    for (identity, process) in gone {
      reapedBalance -= Int64(process.last.cpuNanoseconds + process.last.reapedNanoseconds)
      known[identity] = nil
    }
    // The parent may be seen to have waited for a child only one look later: the balance is
    // kept below zero until then.
    if reapedBalance > 0 {
      times.endedChildrenCPUNanoseconds = max(
        times.endedChildrenCPUNanoseconds, UInt64(reapedBalance))
    }
    began = true
  }

  private mutating func count(_ sample: ProcessSample, since last: ProcessSample?, at place: Int) {
    times.processes[place].cpuNanoseconds += growth(sample.cpuNanoseconds, last?.cpuNanoseconds)
    reapedBalance += Int64(growth(sample.reapedNanoseconds, last?.reapedNanoseconds))
    for (thread, waiting) in sample.waitingNanoseconds {
      // A number that went back is that of a new thread.
      let before = last?.waitingNanoseconds[thread] ?? 0
      times.processes[place].waitingNanoseconds += waiting - (before <= waiting ? before : 0)
    }
  }

  private func growth(_ value: UInt64, _ last: UInt64?) -> UInt64 {
    value - min(last ?? 0, value)
  }
}
