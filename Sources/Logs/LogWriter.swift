package import SystemIO
internal import Synchronization

/// Writes lines to a stream on a thread of its own, so that nobody waits for a reader who is
/// slow, or has gone away. What there is no room for is lost and counted, and the count is told
/// where the lines are missing as soon as the stream takes something again.
package final class LogWriter: Sendable {
  private struct State {
    var queue: LineQueue
    var format = LogFormat.json
    var isWriterAsleep = false
    var isClosing = false

    /// Whether the writer is to be woken.
    mutating func wakesWriter() -> Bool {
      defer { isWriterAsleep = false }
      return isWriterAsleep
    }
  }

  private let stream: StandardStream
  private let state: Mutex<State>
  private let work: Bell
  private let hurry: Bell
  private let closed: Bell

  /// What may wait for the stream.
  package static let queueBytesMax = 4 << 20
  /// Lines gather for so long before the writer looks: to be woken for each iteration of a busy
  /// loop cost it more than the lines did.
  private static let gatherMilliseconds: Int32 = 10
  /// So much of a pipe's is not mixed with what other processes write to it (pipe(7)).
  private static let atomicBytes = 4096

  /// Begins at once. There is one writer for a stream.
  package init(
    _ stream: StandardStream, queueBytesMax: Int = LogWriter.queueBytesMax
  ) throws(SystemError) {
    self.stream = stream
    state = Mutex(State(queue: LineQueue(bytesMax: queueBytesMax)))
    work = try Bell()
    hurry = try Bell()
    closed = try Bell()
    _ = BackgroundThread { self.run() }
  }

  /// Hands over whole lines. Does not wait.
  func submit(_ bytes: [UInt8], lines: UInt64, _ format: LogFormat) {
    let wakes = state.withLock { state in
      state.queue.append(bytes, lines: lines)
      state.format = format
      return state.wakesWriter()
    }
    if wakes { work.ring() }
  }

  /// Waits until everything is written, or so long. Nothing is written afterwards.
  package func close(within milliseconds: Int32) {
    let wakes = state.withLock { state in
      state.isClosing = true
      return state.wakesWriter()
    }
    if wakes { work.ring() }
    hurry.ring()
    closed.wait(atMost: milliseconds)
  }

  // MARK: The writer's thread

  private func run() {
    while true {
      let (batch, format, isLast) = state.withLock { state in
        let batch = state.queue.take()
        state.isWriterAsleep = batch.isEmpty
        return (batch, state.format, batch.isEmpty && state.isClosing)
      }
      if isLast {
        closed.ring()
        return
      }
      if batch.isEmpty {
        work.wait()
        hurry.wait(atMost: Self.gatherMilliseconds)
        continue
      }
      let lost = batch.lost + write(batch.bytes)
      let isTold = lost == 0 || write(Self.lossLine(lost, format)) == 0
      state.withLock { $0.queue.finish(untold: isTold ? 0 : lost) }
    }
  }

  private static func lossLine(_ lost: UInt64, _ format: LogFormat) -> [UInt8] {
    var clock = LogTime()
    var line = LogLine(
      appendingTo: [], format, .warning, "log lines lost",
      at: clock.format(unixMilliseconds: WallClock.unixMilliseconds()))
    line.add("lines", lost)
    return line.finished()
  }

  /// Whole lines at a time, as many as a pipe takes at once. Returns how many were lost.
  private func write(_ bytes: [UInt8]) -> UInt64 {
    var start = 0
    while start < bytes.count {
      let end = Self.end(of: bytes, from: start)
      if !stream.writeFully(bytes[start..<end]) {
        return UInt64(bytes[start...].count { $0 == UInt8(ascii: "\n") })
      }
      start = end
    }
    return 0
  }

  private static func end(of bytes: [UInt8], from start: Int) -> Int {
    let newline = UInt8(ascii: "\n")
    if bytes.count - start <= atomicBytes { return bytes.count }
    let most = bytes[start..<(start + atomicBytes)]
    if let last = most.lastIndex(of: newline) { return last + 1 }
    // A line that is longer than that.
    return bytes[most.endIndex...].firstIndex(of: newline).map { $0 + 1 } ?? bytes.count
  }
}
