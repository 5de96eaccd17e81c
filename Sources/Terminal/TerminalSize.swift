internal import CLinux

/// How many characters a terminal shows.
package struct TerminalSize: Equatable, Sendable {
  package let columns: Int
  package let rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }

  /// Asks the terminal (TIOCGWINSZ). 80 × 24 for what is no terminal, or doesn't know its size.
  /// SIGWINCH tells of a change.
  package init(descriptor: Int32) {
    var columns: UInt16 = 0
    var rows: UInt16 = 0
    // SAFETY: both are written before the call returns, and not kept.
    let known = unsafe sluice_terminal_size(descriptor, &columns, &rows) == 0
    self.init(
      columns: known && columns > 0 ? Int(columns) : 80,
      rows: known && rows > 0 ? Int(rows) : 24)
  }
}
