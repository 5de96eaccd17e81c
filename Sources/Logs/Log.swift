internal import SystemIO

/// Where a thread says what happens. Lines gather until they are handed to the writer: at the end
/// of an iteration of the thread's loop, which makes that one lock for all of them.
package final class Log {
  package var level: LogLevel
  package var format: LogFormat
  private let writer: LogWriter
  private var clock = LogTime()
  private var pending: [UInt8] = []
  private var pendingLines: UInt64 = 0

  /// Handed over before the end of the iteration.
  private static let pendingBytesMax = 64 * 1024

  /// Of some lines.
  private static let usualBytes = 2048

  package init(_ writer: LogWriter, level: LogLevel, format: LogFormat) {
    self.writer = writer
    self.level = level
    self.format = format
  }

  /// Whether lines of this level are written.
  package func writes(_ level: LogLevel) -> Bool { level >= self.level }

  /// Writes a line. `addFields` is not called when the level is not written.
  package func write(
    _ level: LogLevel, _ message: StaticString, _ addFields: (inout LogLine) -> Void = { _ in }
  ) {
    guard writes(level) else { return }
    var bytes: [UInt8] = []
    swap(&bytes, &pending)
    if bytes.isEmpty { bytes.reserveCapacity(Self.usualBytes) }
    var line = LogLine(
      appendingTo: bytes, format, level, message,
      at: clock.format(unixMilliseconds: WallClock.unixMilliseconds()))
    addFields(&line)
    pending = line.finished()
    pendingLines += 1
    if pending.count >= Self.pendingBytesMax { flush() }
  }

  /// Hands what has gathered to the writer. Does not wait.
  package func flush() {
    if pendingLines == 0 { return }
    writer.submit(pending, lines: pendingLines, format)
    pending = []
    pendingLines = 0
  }
}

@available(*, unavailable)
extension Log: Sendable {}
