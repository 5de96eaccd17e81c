/// What a person did at the keyboard, as far as the terminal tells.
enum Key: Equatable, Sendable {
  case text(Unicode.Scalar)
  /// A byte below 0x20 other than Escape, or DEL: a Ctrl combination, Tab, Enter, Backspace.
  case control(UInt8)
  /// An ASCII character or DEL with Alt held down, or after Escape.
  case alt(UInt8)
  case up
  case down
  case left
  case right
  case wordLeft
  case wordRight
  case home
  case end
  case delete
  case pasteStart
  case pasteEnd
  /// Bytes that are not UTF-8.
  case invalid
}
