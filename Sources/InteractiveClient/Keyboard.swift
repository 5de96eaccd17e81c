internal import Glibc
internal import SystemIO
internal import Terminal

/// What the user, or another program, wants sent.
struct Keyboard: ~Copyable {
  enum Wish: Equatable {
    case send([UInt8])
    /// A line over the limit.
    case refuse
    case end
    case interrupt
  }

  private let reader: InputReader
  private var splitter: LineSplitter
  /// Nil where lines are not edited here.
  private let editing: Editing?
  /// Only Ctrl-C is heeded any more.
  private var hasEnded = false

  private final class Editing {
    var editor: LineEditor
    var mode: TerminalMode?

    init(_ editor: LineEditor, _ mode: consuming TerminalMode) {
      self.editor = editor
      self.mode = consume mode
    }
  }

  init(waker: Waker, delimiter: UInt8, lineBytesMax: Int) throws(SystemError) {
    let (input, output) = (Int32(0), StandardStream.output.rawValue)
    var editing: Editing? = nil
    if isTerminal(input) && isTerminal(output) && !TerminalEnvironment.current().isDumb {
      editing = Editing(
        LineEditor(lineBytesMax: lineBytesMax),
        try TerminalMode(descriptor: input, output: output))
    }
    reader = try InputReader(descriptor: input, waker: waker)
    splitter = LineSplitter(delimiter: delimiter, bytesMax: lineBytesMax)
    self.editing = editing
  }

  /// Whether a line is being edited here, for ``drawing()``.
  var isEditing: Bool { editing != nil }

  /// What was typed and not taken yet.
  mutating func takeWishes(_ screen: inout Screen) -> [Wish] {
    switch reader.take() {
    case nil:
      return []
    case .bytes(let bytes):
      if editing == nil { return splitter.add(bytes).map(Self.wish) }
      if hasEnded { return bytes.contains(Self.controlC) ? [.interrupt] : [] }
      return edit(bytes, &screen)
    case .failed(let error):
      screen.complain("standard input: \(error.reason)")
      return [.end]
    case .end:
      return (splitter.finish().map { [Self.wish($0)] } ?? []) + [.end]
    }
  }

  private static let controlC: UInt8 = 0x03

  private static func wish(_ piece: LineSplitter.Piece) -> Wish {
    switch piece {
    case .line(let line): .send(line)
    case .tooLong: .refuse
    }
  }

  private mutating func edit(_ bytes: [UInt8], _ screen: inout Screen) -> [Wish] {
    var wishes: [Wish] = []
    var offset = 0
    while let action = editing?.editor.next(bytes.span, from: &offset) {
      switch action {
      case .redraw: screen.setPrompt(drawing())
      case .line(let line):
        screen.setPrompt([])
        screen.echo(line)
        wishes.append(.send(Array(line.utf8)))
      case .endOfInput:
        screen.setPrompt([])
        hasEnded = true
        return wishes + [.end]
      case .interrupt: wishes.append(.interrupt)
      case .suspend: suspend(&screen)
      case .clearScreen: StandardStream.output.write(LineEditor.clearingScreen)
      case .bell: StandardStream.output.write([0x07])
      }
    }
    return wishes
  }

  /// The line that is being typed; nothing at the end of the input.
  func drawing() -> [UInt8] {
    if hasEnded { return [] }
    let columns = TerminalSize(descriptor: StandardStream.output.rawValue).columns
    return editing?.editor.drawing(prompt: "> ", columns: columns) ?? []
  }

  /// Ctrl-Z: gives the terminal back to the shell, and takes it again when it goes on.
  private mutating func suspend(_ screen: inout Screen) {
    screen.setPrompt([])
    editing?.mode = nil
    raise(SIGTSTP)
    editing?.mode = try? TerminalMode(descriptor: 0, output: StandardStream.output.rawValue)
    screen.setPrompt(drawing())
  }

  /// Gives the terminal back as it was.
  mutating func restore() {
    editing?.mode = nil
  }
}
