/// A status line for standard error: redrawn in place on a terminal, and elsewhere printed now and
/// then, or never. The owner writes the bytes.
package struct ProgressLine: Sendable {
  package enum Style: Equatable, Sendable {
    case inPlace
    /// A line of its own, at most once in the interval.
    case lines(intervalMilliseconds: UInt64)
    case hidden
  }

  private let style: Style
  private var isShown = false
  private var printedAt: UInt64?

  package init(_ style: Style) {
    self.style = style
  }

  /// What shows `status`, one line of printable text; may be nothing. On a terminal it is cut off
  /// at its `columns`. `now` is in milliseconds, of a clock that never goes back.
  package mutating func show(_ status: String, columns: Int, now: UInt64) -> [UInt8] {
    switch style {
    case .inPlace:
      isShown = true
      // As in `LineEditor`, the last column stays empty.
      let shown = DisplayWidth.prefix(of: status, columns: max(1, columns) - 1)
      return Array("\r\(shown)\u{1B}[K".utf8)
    case .lines(let interval):
      if let printedAt, now - printedAt < interval { return [] }
      printedAt = now
      return Array("\(status)\n".utf8)
    case .hidden:
      return []
    }
  }

  /// What wipes the status, before anything else is printed or at the end; may be nothing.
  package mutating func clear() -> [UInt8] {
    guard isShown else { return [] }
    isShown = false
    return LineEditor.clearing
  }
}
