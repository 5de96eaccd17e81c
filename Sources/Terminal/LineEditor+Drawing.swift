/// What shows the line. All of it stays in the terminal's one row where the cursor is.
///
/// To print something above the line: `clearing`, the text, a newline, the drawing.
extension LineEditor {
  /// Wipes the row, and leaves the cursor at its start.
  package static var clearing: [UInt8] { Array("\r\u{1B}[2K".utf8) }

  /// Wipes the whole screen, and leaves the cursor at its top.
  package static var clearingScreen: [UInt8] { Array("\u{1B}[H\u{1B}[2J".utf8) }

  /// Draws the prompt and the line over what is in the row, and leaves the cursor where it is in
  /// the line. Of a line that is too long, the part around the cursor is shown.
  ///
  /// The last column stays empty: terminals differ in where the cursor is after writing there. The
  /// prompt, which is printable text, is left out when it takes more than half of the row. What is
  /// not printable in the line is shown as `TerminalText` shows it; a tab is shown as `\t`.
  ///
  /// - Complexity: O(*columns*).
  package func drawing(prompt: String, columns: Int) -> [UInt8] {
    let columns = max(1, columns)
    var prompt = prompt
    var promptWidth = DisplayWidth.of(prompt)
    if promptWidth > columns / 2 {
      prompt = ""
      promptWidth = 0
    }
    let room = columns - 1 - promptWidth
    // Each side could have it all; then the text right of the cursor gets what it needs, up to
    // one half, and the text left of it the rest.
    let right = Run(buffer.after.reversed(), room: room)
    let left = Run(buffer.before.reversed(), room: room - min(right.width, room - room / 2))
    let shownRight = Run(buffer.after.reversed(), room: room - left.width)

    var drawing = "\r" + prompt
    for cluster in left.clusters.reversed() { drawing += cluster }
    for cluster in shownRight.clusters { drawing += cluster }
    drawing += "\u{1B}[K\r"
    let column = promptWidth + left.width
    if column > 0 { drawing += "\u{1B}[\(column)C" }
    return Array(drawing.utf8)
  }
}

/// Clusters as they are shown, from the cursor outwards, as many as there is room for.
private struct Run {
  private(set) var clusters: [String] = []
  private(set) var width = 0

  init(_ source: some Sequence<Character>, room: Int) {
    for cluster in source {
      let shown = cluster == "\t" ? "\\t" : TerminalText.printable(String(cluster))
      let shownWidth = DisplayWidth.of(shown)
      // Clusters without a width could go on for ever.
      guard width + shownWidth <= room, clusters.count < 4 * room else { return }
      width += shownWidth
      clusters.append(shown)
    }
  }
}
