import Testing

@testable import Terminal

@Suite("Typing anything at all", .timeLimit(.minutes(5)))
struct LineEditorRandomTests {
  private static let limits = EditorVerifier(
    lineBytesMax: 60, historyLinesMax: 4, historyBytesMax: 150)

  /// Noise, and pieces of what terminals send, so that noise gets beyond the first state.
  private static func input(using generator: inout SeededGenerator) -> [UInt8] {
    let pieces = [
      "\u{1B}", "\u{1B}[", "\u{1B}O", "\u{1B}]1", "\u{1B}P1", "\u{1B}\\", "\u{1B}[A", "\u{1B}[A",
      "\u{1B}[B", "\u{1B}[D", "\u{1B}[C", "\u{1B}[1;5D", "\u{1B}[3~", "\u{1B}[200~", "\u{1B}[201~",
      "\u{1B}b", "\u{1B}d", "\u{1B}f", "\u{14}", "\u{15}", "\u{0B}", "\u{17}", "\u{7F}", "\u{4}",
      "\r", "\n", "\t", "\u{3}", "some words", "é", "e\u{301}", "\u{301}\u{301}", "日本", "👩‍🚀", "🇩",
      "\u{200D}", "\u{FE0F}", "\u{1112}", "\u{1161}", "\u{202E}", "\u{9B}",
    ]
    var bytes: [UInt8] = []
    for _ in 0..<40 {
      if Int.random(in: 0..<4, using: &generator) == 0 {
        bytes += generator.bytes(Int.random(in: 0...6, using: &generator))
      } else {
        bytes += Array(pieces.randomElement(using: &generator)!.utf8)
      }
    }
    return bytes
  }

  @Test(
    "never traps, never exceeds a limit, and the pieces make no difference", arguments: 0..<8)
  func noise(block: Int) {
    var generator = SeededGenerator(state: UInt64(block))
    for number in 0..<150 {
      let bytes = Self.input(using: &generator)
      var whole = Self.limits.makeEditor()
      let expected = feed(bytes, to: &whole)
      for cuts in [Array(1..<bytes.count), Self.randomCuts(bytes.count, using: &generator)] {
        var editor = Self.limits.makeEditor()
        var start = 0
        var actions: [LineEditor.Action] = []
        for end in cuts + [bytes.count] {
          actions += feed(Array(bytes[start..<end]), to: &editor)
          verifyLimits(editor)
          start = end
        }
        #expect(actions == expected, "input \(number) of block \(block)")
        #expect(lineAndCursor(of: editor) == lineAndCursor(of: whole))
        #expect(editor.history.lines == whole.history.lines)
      }
      for case .line(let line) in expected {
        #expect(line.utf8.count <= 60)
        #expect(!line.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\r" || $0 == "\n" })
      }
    }
  }

  private func verifyLimits(_ editor: LineEditor) {
    #expect(editor.text.utf8.count <= 60)
    #expect(editor.buffer.byteCount == editor.text.utf8.count)
    #expect(editor.history.lines.count <= 4)
    #expect(editor.history.byteCount == editor.history.lines.reduce(0) { $0 + $1.utf8.count })
    #expect(editor.history.byteCount <= 150)
    #expect(!zip(editor.history.lines, editor.history.lines.dropFirst()).contains { $0 == $1 })
  }

  private static func randomCuts(_ count: Int, using generator: inout SeededGenerator) -> [Int] {
    (0..<10).map { _ in Int.random(in: 0...count, using: &generator) }.sorted()
  }
}
