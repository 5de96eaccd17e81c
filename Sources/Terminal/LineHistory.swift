/// The lines that were submitted, oldest first, and a walk through them.
///
/// Bounded in lines and in bytes: the oldest go first. No two neighbours are equal.
struct LineHistory: Sendable {
  private(set) var lines: [String] = []
  private(set) var byteCount = 0
  private let linesMax: Int
  private let bytesMax: Int

  /// Where the walk is; `lines.count` is the line under way.
  private var position = 0
  /// The line under way, while the walk is at another.
  private var underWay = ""

  init(linesMax: Int, bytesMax: Int) {
    self.linesMax = linesMax
    self.bytesMax = bytesMax
  }

  /// Adds a line, unless it is empty or the same as the last, and ends the walk.
  mutating func add(_ line: String) {
    if !line.isEmpty, line != lines.last {
      lines.append(line)
      byteCount += line.utf8.count
      var excess = 0
      while lines.count - excess > linesMax || byteCount > bytesMax {
        byteCount -= lines[excess].utf8.count
        excess += 1
      }
      lines.removeFirst(excess)
    }
    endWalk()
  }

  mutating func endWalk() {
    position = lines.count
    underWay = ""
  }

  /// The line before; nil when there is none. `current` is what the editor shows.
  mutating func older(than current: String) -> String? {
    guard position > 0 else { return nil }
    if position == lines.count { underWay = current }
    position -= 1
    return lines[position]
  }

  /// The line after, the line under way being the last; nil when the walk is there.
  mutating func newer() -> String? {
    guard position < lines.count else { return nil }
    position += 1
    return position == lines.count ? underWay : lines[position]
  }
}
