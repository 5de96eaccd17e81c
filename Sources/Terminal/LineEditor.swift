/// Edits one line as readline does in its emacs mode: bytes from a terminal in raw mode go in, and
/// what is to be done comes out.
///
/// The owner reads the terminal, draws (`drawing(prompt:columns:)`), and wipes the row before it
/// prints anything else (`clearing`). The editor does no I/O and knows no time.
///
/// The input may be cut anywhere, in the middle of a character or an escape sequence too. But for
/// how often `redraw` comes, the actions do not depend on it.
///
/// A pasted line break (bracketed paste) submits the line, as Enter would; control characters in a
/// paste do nothing, except for the tab, which is text, and Ctrl-C.
package struct LineEditor: Sendable {
  package enum Action: Equatable, Sendable {
    /// The line or the cursor may have changed, and there is no more input: draw the line.
    case redraw
    /// Enter: the line, which may be empty. It is in the history already.
    case line(String)
    /// Ctrl-D on an empty line.
    case endOfInput
    /// Ctrl-C. The line under way is gone.
    case interrupt
    /// Ctrl-Z: restore the terminal, raise SIGTSTP, and take the terminal again.
    case suspend
    /// Ctrl-L: write `clearingScreen`. `redraw` follows.
    case clearScreen
    /// Input was refused: the line is full, or bytes are not UTF-8. Write BEL.
    case bell
  }

  private var decoder = KeyDecoder()
  private(set) var buffer: LineBuffer
  private(set) var history: LineHistory
  private var needsRedraw = false
  private var paste = Paste.none

  private enum Paste {
    case none
    case underWay(afterCR: Bool)
    /// Some of it had no room. The rest is dropped, or a line without its end would be submitted.
    case refused
  }

  /// - Parameters:
  ///   - lineBytesMax: what a line may have in UTF-8. Input beyond it is refused with `bell`.
  ///   - historyLinesMax: how many lines are remembered.
  ///   - historyBytesMax: what they may have together.
  package init(lineBytesMax: Int, historyLinesMax: Int = 500, historyBytesMax: Int = 1 << 20) {
    buffer = LineBuffer(bytesMax: lineBytesMax)
    history = LineHistory(linesMax: max(0, historyLinesMax), bytesMax: max(0, historyBytesMax))
  }

  /// The line under way.
  package var text: String { buffer.text }

  /// Takes bytes from `offset` on, and moves it past them, until there is something to be done.
  ///
  /// Nil when the input is used up: until then, the owner calls again.
  package mutating func next(_ input: Span<UInt8>, from offset: inout Int) -> Action? {
    while let key = decoder.next(input, &offset) {
      if let action = take(key) { return action }
    }
    guard needsRedraw else { return nil }
    needsRedraw = false
    return .redraw
  }

  private mutating func take(_ key: Key) -> Action? {
    needsRedraw = true
    switch paste {
    case .none:
      return edit(key)
    case .underWay(let afterCR):
      return takePasted(key, afterCR: afterCR)
    case .refused:
      switch key {
      case .pasteEnd: paste = .none
      case .control(0x03): return interrupt()
      default: break
      }
      return nil
    }
  }

  private mutating func takePasted(_ key: Key, afterCR: Bool) -> Action? {
    paste = .underWay(afterCR: key == .control(0x0D))
    switch key {
    case .pasteEnd:
      paste = .none
    case .control(0x0A) where afterCR:
      // CRLF is one line break.
      break
    case .text, .invalid, .control(0x03), .control(0x09), .control(0x0A), .control(0x0D):
      let action = edit(key)
      if action == .bell { paste = .refused }
      return action
    default:
      break
    }
    return nil
  }

  private mutating func edit(_ key: Key) -> Action? {
    switch key {
    case .text(let scalar):
      // C1 controls are no keys, and no text that one types.
      return scalar.properties.generalCategory == .control ? nil : insert(scalar)
    case .invalid: return .bell
    case .up: recall(history.older(than: text))
    case .down: recall(history.newer())
    case .left: buffer.moveLeft()
    case .right: buffer.moveRight()
    case .wordLeft: buffer.moveWordLeft()
    case .wordRight: buffer.moveWordRight()
    case .home: buffer.moveToStart()
    case .end: buffer.moveToEnd()
    case .delete: buffer.deleteForward()
    case .pasteStart: paste = .underWay(afterCR: false)
    case .pasteEnd: break
    case .control(let byte): return control(byte | 0x40)
    case .alt(let byte): alt(byte)
    }
    return nil
  }

  /// A control character, by the letter that it is typed with; DEL has 0x40 already.
  private mutating func control(_ letter: UInt8) -> Action? {
    switch letter {
    case UInt8(ascii: "A"): buffer.moveToStart()
    case UInt8(ascii: "B"): buffer.moveLeft()
    case UInt8(ascii: "C"): return interrupt()
    case UInt8(ascii: "D"):
      if buffer.isEmpty { return .endOfInput }
      buffer.deleteForward()
    case UInt8(ascii: "E"): buffer.moveToEnd()
    case UInt8(ascii: "F"): buffer.moveRight()
    case UInt8(ascii: "H"), 0x7F: buffer.deleteBackward()
    case UInt8(ascii: "I"): return insert("\t")
    case UInt8(ascii: "J"), UInt8(ascii: "M"): return submit()
    case UInt8(ascii: "K"): buffer.deleteToEnd()
    case UInt8(ascii: "L"): return .clearScreen
    case UInt8(ascii: "N"): recall(history.newer())
    case UInt8(ascii: "P"): recall(history.older(than: text))
    case UInt8(ascii: "T"): buffer.transpose()
    case UInt8(ascii: "U"): buffer.deleteToStart()
    case UInt8(ascii: "W"): buffer.deleteSpacedWordBackward()
    case UInt8(ascii: "Z"): return .suspend
    default: break
    }
    return nil
  }

  private mutating func alt(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "b"), UInt8(ascii: "B"): buffer.moveWordLeft()
    case UInt8(ascii: "d"), UInt8(ascii: "D"): buffer.deleteWordForward()
    case UInt8(ascii: "f"), UInt8(ascii: "F"): buffer.moveWordRight()
    case 0x08, 0x7F: buffer.deleteWordBackward()
    default: break
    }
  }

  private mutating func insert(_ scalar: Unicode.Scalar) -> Action? {
    buffer.insert(scalar) ? nil : .bell
  }

  private mutating func recall(_ line: String?) {
    if let line { buffer.replace(with: line) }
  }

  private mutating func submit() -> Action {
    let line = text
    buffer.deleteAll()
    history.add(line)
    return .line(line)
  }

  private mutating func interrupt() -> Action {
    paste = .none
    buffer.deleteAll()
    history.endWalk()
    return .interrupt
  }
}
