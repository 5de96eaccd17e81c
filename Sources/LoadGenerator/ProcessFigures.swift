internal import Glibc
internal import SystemIO

/// Why figures of a server's process cannot be had.
package enum ProcessFiguresError: Error, Equatable, CustomStringConvertible {
  case noSuchProcess(Int32)
  case notPermitted(Int32)
  case unreadable(Int32, reason: String)

  package var description: String {
    switch self {
    case .noSuchProcess(let pid):
      "--server-pid \(pid): there is no such process, or it has ended; "
        + "give the number of the running server, as `pgrep` tells it"
    case .notPermitted(let pid):
      "--server-pid \(pid): not permitted to see this process; "
        + "run the benchmark as the server's user or as root, or without --server-pid"
    case .unreadable(let pid, let reason):
      "--server-pid \(pid): its figures under /proc cannot be read (\(reason)); "
        + "is /proc mounted? Or run the benchmark without --server-pid"
    }
  }
}

/// What a process has in memory.
package struct ProcessMemory: Equatable, Sendable {
  package let pid: Int32
  /// As the kernel has it: the program's name, 15 bytes at most.
  package let name: String
  /// Resident: pages shared with other processes count in full.
  package let rssBytes: UInt64
  /// Proportional: a page shared by *n* processes counts as one *n*th. Nil where this process
  /// may not know it.
  package let pssBytes: UInt64?
}

/// CPU time and memory of processes and their children, of any depth, from /proc.
///
/// Children may come and go between two readings. What a new one uses counts from its start.
/// One that ends keeps what was read of it; what it used after that is taken from its parent's
/// count, in hundredths of a second (see ``ProcessTimes/endedChildrenCPUNanoseconds``). A child
/// whose parent ends is still followed. No difference is ever negative.
package struct ProcessFigures: Sendable {
  /// False where the kernel doesn't list children (it is built without CONFIG_PROC_CHILDREN):
  /// then only the processes that were named count.
  package let childrenAreListed: Bool

  private let roots: [Int32]
  private var tally = ProcessTally()

  /// Takes the first reading, from which times count.
  package init(processes: [Int32]) throws(ProcessFiguresError) {
    roots = processes
    // SAFETY: Swift passes the path as a C string.
    childrenAreListed = unsafe access("/proc/thread-self/children", R_OK) == 0
    tally.add(try samples())
  }

  /// What the processes have used since the first reading. Takes a few system calls for each
  /// thread.
  package mutating func readTimes() throws(ProcessFiguresError) -> ProcessTimes {
    tally.add(try samples())
    return tally.times
  }

  /// What the processes have in memory now. The kernel walks all of their pages for that and
  /// holds up a server that maps memory meanwhile: not for while something is measured.
  package func readMemory() throws(ProcessFiguresError) -> [ProcessMemory] {
    var memory: [ProcessMemory] = []
    try forEachProcess { (pid) throws(SystemError) in
      let status = try ProcessStatus(pid: pid)
      let (rssBytes, pssBytes) = try Self.memory(of: pid)
      memory.append(
        ProcessMemory(pid: pid, name: status.name, rssBytes: rssBytes, pssBytes: pssBytes))
    }
    return memory
  }

  private func samples() throws(ProcessFiguresError) -> [ProcessSample] {
    var samples: [ProcessSample] = []
    try forEachProcess { (pid) throws(SystemError) in
      // First what its children have used, then what they are.
      let status = try ProcessStatus(pid: pid)
      guard let cpuNanoseconds = CPUClock.process(pid) else {
        throw SystemError("clock_gettime", code: ESRCH)
      }
      samples.append(
        ProcessSample(
          identity: ProcessSample.Identity(pid: pid, startTicks: status.startTicks),
          name: status.name, cpuNanoseconds: cpuNanoseconds,
          reapedNanoseconds: status.reapedNanoseconds,
          waitingNanoseconds: try Self.waiting(of: pid)))
    }
    return samples
  }

  /// Calls `body` for the roots, then for their children and so on, then for what was a
  /// child and has lost its parent; also for what the kernel leaves out of its list of children,
  /// as it may when another ends meanwhile.
  ///
  /// A child that is no longer there is passed over. A root that is not is an error.
  private func forEachProcess(
    _ body: (Int32) throws(SystemError) -> Void
  ) throws(ProcessFiguresError) {
    var queue = roots
    var seen = Set<Int32>()
    var next = 0
    var followed = false
    while true {
      if next == queue.count {
        if followed { return }
        followed = true
        for identity in tally.identities where !seen.contains(identity.pid) {
          let status = try? ProcessStatus(pid: identity.pid)
          if status?.startTicks == identity.startTicks { queue.append(identity.pid) }
        }
        continue
      }
      let pid = queue[next]
      let isRoot = next < roots.count
      next += 1
      guard seen.insert(pid).inserted else { continue }
      do throws(SystemError) {
        if isRoot, try ProcessStatus(pid: pid).hasEnded {
          throw SystemError("open", code: ESRCH)
        }
        try body(pid)
        if childrenAreListed { queue += try Self.children(of: pid) }
      } catch {
        if isRoot { throw Self.failure(error, of: pid) }
      }
    }
  }

  private static func failure(_ error: SystemError, of pid: Int32) -> ProcessFiguresError {
    switch error.code {
    case EACCES, EPERM:
      .notPermitted(pid)
    case ENOENT, ESRCH, EINVAL:
      // Where other users' processes are hidden (hidepid), their clocks are not.
      error.code == ENOENT && CPUClock.process(pid) != nil
        ? .notPermitted(pid) : .noSuchProcess(pid)
    default:
      .unreadable(pid, reason: error.description)
    }
  }

  private static func children(of pid: Int32) throws(SystemError) -> [Int32] {
    try perThread(of: pid) { (path) throws(SystemError) in
      try ProcFile.read(path + "children").split(separator: " ").compactMap { Int32($0) }
    }.flatMap(\.value)
  }

  private static func waiting(of pid: Int32) throws(SystemError) -> [Int32: UInt64] {
    try perThread(of: pid) { (path) throws(SystemError) in
      // Nanoseconds running, nanoseconds waiting, how often.
      let fields = try ProcFile.read(path + "schedstat").split { $0 == " " || $0 == "\n" }
      return fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0
    }
  }

  /// By thread, what `body` makes of its folder. Threads that have ended are left out, and so are
  /// those whose folder lacks the file.
  private static func perThread<Value>(
    of pid: Int32, _ body: (String) throws(SystemError) -> Value
  ) throws(SystemError) -> [Int32: Value] {
    var values: [Int32: Value] = [:]
    for thread in try ProcFile.numbers(in: "/proc/\(pid)/task") {
      do throws(SystemError) {
        values[thread] = try body("/proc/\(pid)/task/\(thread)/")
      } catch {
        if error.code != ENOENT && error.code != ESRCH { throw error }
      }
    }
    return values
  }

  private static func memory(
    of pid: Int32
  ) throws(SystemError) -> (rssBytes: UInt64, pssBytes: UInt64?) {
    if let rollup = try? ProcFile.read("/proc/\(pid)/smaps_rollup"),
      let rss = kibibytes("Rss:", in: rollup), let pss = kibibytes("Pss:", in: rollup)
    {
      return (rss * 1024, pss * 1024)
    }
    return (try residentBytes(of: pid), nil)
  }

  /// From the file that every user may read.
  static func residentBytes(of pid: Int32) throws(SystemError) -> UInt64 {
    let fields = try ProcFile.read("/proc/\(pid)/statm").split(separator: " ")
    let pages = fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0
    return pages * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
  }

  private static func kibibytes(_ name: String, in rollup: String) -> UInt64? {
    for line in rollup.split(separator: "\n") where line.hasPrefix(name) {
      return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
    }
    return nil
  }
}

/// What is needed of /proc/PID/stat (proc_pid_stat(5)).
struct ProcessStatus {
  let name: String
  /// A zombie, which has no figures but its CPU time, or dead.
  let hasEnded: Bool
  let startTicks: UInt64
  /// CPU time of the children that it has waited for, and of those that they had.
  let reapedNanoseconds: UInt64

  init(pid: Int32) throws(SystemError) {
    self.init(try ProcFile.read("/proc/\(pid)/stat"))
  }

  init(_ text: String) {
    // The name is in parentheses, and may itself contain any.
    let opening = text.firstIndex(of: "(").map { text.index(after: $0) } ?? text.startIndex
    let closing = text.lastIndex(of: ")") ?? opening
    name = closing > opening ? String(text[opening..<closing]) : ""
    let fields = text[closing...].split(separator: " ").dropFirst()
    func number(_ field: Int) -> UInt64 {
      let index = fields.startIndex + field - 3
      return fields.indices.contains(index) ? UInt64(fields[index]) ?? 0 : 0
    }
    hasEnded = fields.first == "Z" || fields.first == "X"
    reapedNanoseconds = (number(16) + number(17)) * Self.nanosecondsPerTick
    startTicks = number(22)
  }

  private static let nanosecondsPerTick =
    1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
}
