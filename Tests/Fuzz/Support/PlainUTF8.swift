/// The grammar of RFC 3629 §4, byte by byte.
struct PlainUTF8 {
  enum State: Equatable {
    /// On a code point boundary.
    case complete
    /// Within a code point.
    case incomplete
    case invalid
  }

  private(set) var state = State.complete
  /// What the next continuation byte may be, and how many there are to come.
  private var next: ClosedRange<UInt8> = 0x80...0xBF
  private var missing = 0

  mutating func update(_ bytes: some Sequence<UInt8>) -> State {
    for byte in bytes { take(byte) }
    return state
  }

  private mutating func take(_ byte: UInt8) {
    if state == .invalid { return }
    if missing > 0 {
      missing -= 1
      state = !next.contains(byte) ? .invalid : missing == 0 ? .complete : .incomplete
      next = 0x80...0xBF
      return
    }
    switch byte {
    case 0x00...0x7F: return
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, next) = (2, 0xA0...0xBF)
    case 0xE1...0xEC, 0xEE...0xEF: missing = 2
    case 0xED: (missing, next) = (2, 0x80...0x9F)
    case 0xF0: (missing, next) = (3, 0x90...0xBF)
    case 0xF1...0xF3: missing = 3
    case 0xF4: (missing, next) = (3, 0x80...0x8F)
    default: state = .invalid
    }
    if missing > 0 { state = .incomplete }
  }
}

func plainUTF8(_ bytes: some Sequence<UInt8>) -> PlainUTF8.State {
  var plain = PlainUTF8()
  return plain.update(bytes)
}
