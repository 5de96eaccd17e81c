/// Makes keys of the bytes that a terminal in raw mode sends, however they are cut into pieces.
///
/// Escape sequences have the forms of ECMA-48 §5.4. One that stands for no key we know is
/// swallowed whole. A control character ends a sequence that it comes in and counts itself, so no
/// garbage takes Enter or Ctrl-C away from the user. Escape waits for the next byte without a
/// deadline: Escape, then b, is Alt-B.
struct KeyDecoder: Sendable {
  private enum State: Sendable {
    case ground
    case scalar(PartialScalar)
    case escape
    case sequence(ControlSequence)
    /// ESC [ [ and one letter: a function key of the Linux console.
    case consoleKey
    /// ESC ] or ESC P: a terminal's report if the next byte fits, Alt and a key otherwise.
    case reportStart
    case report
    case reportEscape
  }

  private var state = State.ground

  /// The next key in `input` from `offset` on, which is moved past it; nil when the input is used
  /// up.
  mutating func next(_ input: Span<UInt8>, _ offset: inout Int) -> Key? {
    while offset < input.count {
      let byte = input[offset]
      switch take(byte) {
      case .used(let key):
        offset += 1
        if let key { return key }
      case .unused(let key):
        state = .ground
        if let key { return key }
      }
    }
    return nil
  }

  private enum Step {
    case used(Key?)
    /// The byte belongs to what follows; it is taken again, in the ground state.
    case unused(Key?)
  }

  private mutating func take(_ byte: UInt8) -> Step {
    switch state {
    case .ground:
      return takeOnGround(byte)

    case .scalar(var scalar):
      guard byte & 0xC0 == 0x80 else { return .unused(.invalid) }
      scalar.append(byte)
      guard scalar.isComplete else {
        state = .scalar(scalar)
        return .used(nil)
      }
      state = .ground
      return .used(scalar.value.map(Key.text) ?? .invalid)

    case .escape:
      return takeAfterEscape(byte)

    case .sequence(var sequence):
      switch byte {
      case UInt8(ascii: "[") where sequence.isEmpty && sequence.introducer == .csi:
        state = .consoleKey
      case 0x20...0x3F:
        sequence.append(byte)
        state = .sequence(sequence)
      case 0x40...0x7E:
        state = .ground
        return .used(sequence.key(final: byte))
      default:
        return .unused(nil)
      }
      return .used(nil)

    case .consoleKey:
      guard byte.isPrintable else { return .unused(nil) }
      state = .ground
      return .used(nil)

    case .reportStart:
      guard (0x21...0x3F).contains(byte) else { return .unused(nil) }
      state = .report
      return .used(nil)

    case .report:
      switch byte {
      case 0x07: state = .ground
      case 0x1B: state = .reportEscape
      case 0x00..<0x20: return .unused(nil)
      default: break
      }
      return .used(nil)

    case .reportEscape:
      guard byte != UInt8(ascii: "\\") else {
        state = .ground
        return .used(nil)
      }
      return takeAfterEscape(byte)
    }
  }

  private mutating func takeOnGround(_ byte: UInt8) -> Step {
    switch byte {
    case 0x1B:
      state = .escape
      return .used(nil)
    case 0x00..<0x20, 0x7F:
      return .used(.control(byte))
    case 0x20..<0x7F:
      return .used(.text(Unicode.Scalar(byte)))
    default:
      guard let scalar = PartialScalar(lead: byte) else { return .used(.invalid) }
      state = .scalar(scalar)
      return .used(nil)
    }
  }

  private mutating func takeAfterEscape(_ byte: UInt8) -> Step {
    switch byte {
    case 0x1B:
      state = .escape
    case UInt8(ascii: "["):
      state = .sequence(ControlSequence(.csi))
    case UInt8(ascii: "O"):
      state = .sequence(ControlSequence(.ss3))
    case UInt8(ascii: "]"), UInt8(ascii: "P"):
      state = .reportStart
    case 0x08, 0x20...0x7F:
      state = .ground
      return .used(.alt(byte))
    default:
      return .unused(nil)
    }
    return .used(nil)
  }
}

/// A code point of two to four bytes, the last of which have not come yet (RFC 3629 §4).
private struct PartialScalar {
  private var bits: UInt32
  private var missing: Int
  /// What a shorter form has room for.
  private let lowest: UInt32

  /// Nil when no code point starts with this byte.
  init?(lead byte: UInt8) {
    switch byte {
    case 0xC2...0xDF: (bits, missing, lowest) = (UInt32(byte & 0x1F), 1, 0x80)
    case 0xE0...0xEF: (bits, missing, lowest) = (UInt32(byte & 0x0F), 2, 0x800)
    case 0xF0...0xF4: (bits, missing, lowest) = (UInt32(byte & 0x07), 3, 0x10000)
    default: return nil
    }
  }

  var isComplete: Bool { missing == 0 }

  /// Nil for an overlong form, a surrogate, and what is above U+10FFFF.
  var value: Unicode.Scalar? { bits < lowest ? nil : Unicode.Scalar(bits) }

  mutating func append(_ continuation: UInt8) {
    bits = bits << 6 | UInt32(continuation & 0x3F)
    missing -= 1
  }
}

/// The parameters of a sequence that ESC [ (CSI) or ESC O (SS3) has introduced.
private struct ControlSequence {
  enum Introducer {
    case csi
    case ss3
  }

  let introducer: Introducer
  private(set) var isEmpty = true
  /// The first two numbers; keys have no more.
  private var numbers = (0, 0)
  private var index = 0
  /// Private markers and intermediate bytes: never a key.
  private var isForeign = false

  init(_ introducer: Introducer) {
    self.introducer = introducer
  }

  mutating func append(_ byte: UInt8) {
    isEmpty = false
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      let digit = Int(byte - UInt8(ascii: "0"))
      // Larger than any number that means something, and small enough to multiply.
      if index == 0 { numbers.0 = min(numbers.0 * 10 + digit, 100_000) }
      if index == 1 { numbers.1 = min(numbers.1 * 10 + digit, 100_000) }
    case UInt8(ascii: ";"):
      index = min(index + 1, 2)
    default:
      isForeign = true
    }
  }

  func key(final byte: UInt8) -> Key? {
    guard !isForeign else { return nil }
    switch byte {
    case UInt8(ascii: "A"): return .up
    case UInt8(ascii: "B"): return .down
    case UInt8(ascii: "C"): return movesByWord ? .wordRight : .right
    case UInt8(ascii: "D"): return movesByWord ? .wordLeft : .left
    case UInt8(ascii: "F"): return .end
    case UInt8(ascii: "H"): return .home
    // Enter on a keypad in application mode.
    case UInt8(ascii: "M") where introducer == .ss3: return .control(0x0D)
    case UInt8(ascii: "~") where introducer == .csi: return numberedKey
    default: return nil
    }
  }

  private var numberedKey: Key? {
    switch numbers.0 {
    case 1, 7: .home
    case 3: .delete
    case 4, 8: .end
    case 200: .pasteStart
    case 201: .pasteEnd
    default: nil
    }
  }

  /// Alt or Ctrl: the second number is one more than the sum of Shift 1, Alt 2, Ctrl 4.
  private var movesByWord: Bool {
    numbers.1 > 0 && (numbers.1 - 1) & 6 != 0
  }
}

extension UInt8 {
  fileprivate var isPrintable: Bool { (0x20..<0x7F).contains(self) }
}
