/// Cuts a stream of bytes into lines. Pure.
struct LineSplitter {
  enum Piece: Equatable {
    /// Without its delimiter.
    case line([UInt8])
    /// It was longer than the limit, and is dropped.
    case tooLong
  }

  private let delimiter: UInt8
  private let bytesMax: Int
  private var line: [UInt8] = []
  private var isTooLong = false

  init(delimiter: UInt8, bytesMax: Int) {
    self.delimiter = delimiter
    self.bytesMax = bytesMax
  }

  /// The lines that these bytes complete.
  mutating func add(_ bytes: [UInt8]) -> [Piece] {
    var pieces: [Piece] = []
    for part in bytes.split(
      separator: delimiter, omittingEmptySubsequences: false
    ).enumerated() {
      if part.offset > 0 { pieces.append(takeLine()) }
      append(part.element)
    }
    return pieces
  }

  /// The last line, if the input has ended without a delimiter.
  mutating func finish() -> Piece? {
    line.isEmpty && !isTooLong ? nil : takeLine()
  }

  private mutating func append(_ bytes: ArraySlice<UInt8>) {
    if isTooLong || bytes.count > bytesMax - line.count {
      isTooLong = true
      line = []
    } else {
      line += bytes
    }
  }

  private mutating func takeLine() -> Piece {
    defer {
      line = []
      isTooLong = false
    }
    return isTooLong ? .tooLong : .line(line)
  }
}
