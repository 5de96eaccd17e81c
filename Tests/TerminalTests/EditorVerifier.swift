import Terminal
import Testing

/// Feeds keys to an editor in every way they may be cut into pieces, which must make no
/// difference: whole, byte by byte, and in two at every point.
struct EditorVerifier {
  var lineBytesMax = 1000
  var historyLinesMax = 10
  var historyBytesMax = 1000

  /// `expected` is the line in the end, with `|` at the cursor; `actions` are all but `redraw`.
  func verify(
    _ keys: String, shows expected: String, _ actions: [LineEditor.Action] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    verify(typed(keys), shows: expected, actions, sourceLocation: sourceLocation)
  }

  func verify(
    _ bytes: [UInt8], shows expected: String, _ actions: [LineEditor.Action] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for cuts in Self.waysToCut(bytes.count) {
      var editor = makeEditor()
      let actual = feed(bytes, cutAt: cuts, to: &editor)
      let shown = lineAndCursor(of: editor)
      if actual != actions || shown != expected {
        Issue.record(
          """
          \(String(decoding: bytes, as: UTF8.self).debugDescription) cut at \(cuts.prefix(20)): \
          \(shown) and \(actual), not \(expected) and \(actions)
          """, sourceLocation: sourceLocation)
        return
      }
    }
  }

  func makeEditor() -> LineEditor {
    LineEditor(
      lineBytesMax: lineBytesMax, historyLinesMax: historyLinesMax,
      historyBytesMax: historyBytesMax)
  }

  static func waysToCut(_ count: Int) -> [[Int]] {
    [[], Array(1..<max(1, count))] + (1..<max(1, count)).map { [$0] }
  }
}

/// The actions but for `redraw`, which may only come last, once for each piece.
func feed(
  _ bytes: [UInt8], cutAt cuts: [Int] = [], to editor: inout LineEditor
) -> [LineEditor.Action] {
  var actions: [LineEditor.Action] = []
  var start = 0
  for end in cuts + [bytes.count] {
    let piece = Array(bytes[start..<end])
    start = end
    var offset = 0
    var isDrawn = false
    while let action = editor.next(piece.span, from: &offset) {
      if isDrawn { Issue.record("\(action) came after redraw") }
      if action == .redraw {
        isDrawn = true
      } else {
        actions.append(action)
      }
    }
    if offset != piece.count { Issue.record("only \(offset) of \(piece.count) bytes are taken") }
  }
  return actions
}

func feed(_ keys: String, to editor: inout LineEditor) -> [LineEditor.Action] {
  feed(typed(keys), to: &editor)
}

/// `ab|c`, as the editor shows it on a row that is wide enough.
func lineAndCursor(of editor: LineEditor) -> String {
  var screen = Screen(columns: 300, rows: 1)
  screen.write(editor.drawing(prompt: "", columns: 300))
  return screen.row(0, cursor: "|")
}
