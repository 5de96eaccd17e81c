/// How many columns of a terminal text takes. Terminals disagree about the newest emoji and about
/// scripts that join letters; this is what most of them do.
enum DisplayWidth {
  /// 2 for emoji, flags and what is wide in East Asia, 0 for what only joins its neighbours or
  /// shows nothing, 1 otherwise. A cluster is as wide as its widest code point.
  static func of(_ cluster: Character) -> Int {
    if cluster.isASCII { return 1 }
    var width = 0
    var flagHalves = 0
    for scalar in cluster.unicodeScalars {
      if scalar == emojiStyle { return 2 }
      if isFlagHalf(scalar) { flagHalves += 1 }
      width = max(width, of(scalar))
    }
    return flagHalves > 1 ? 2 : width
  }

  static func of(_ text: String) -> Int {
    text.reduce(0) { $0 + of($1) }
  }

  /// As much of the start of `text` as fits into `columns`.
  static func prefix(of text: String, columns: Int) -> Substring {
    var width = 0
    var end = text.startIndex
    while end < text.endIndex {
      width += of(text[end])
      guard width <= columns else { break }
      end = text.index(after: end)
    }
    return text[..<end]
  }

  private static func of(_ scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .control:
      return 0
    case .format:
      // The soft hyphen is drawn.
      return scalar.value == 0xAD ? 1 : 0
    default:
      break
    }
    if isJoiningJamo(scalar) { return 0 }
    if properties.isEmojiPresentation { return isFlagHalf(scalar) ? 1 : 2 }
    return isWide(scalar) ? 2 : 1
  }

  /// The variation selector that asks for an emoji.
  private static var emojiStyle: Unicode.Scalar { "\u{FE0F}" }

  private static func isFlagHalf(_ scalar: Unicode.Scalar) -> Bool {
    (0x1F1E6...0x1F1FF).contains(scalar.value)
  }

  /// Hangul vowels and final consonants, which are drawn into the syllable that they end.
  private static func isJoiningJamo(_ scalar: Unicode.Scalar) -> Bool {
    (0x1160...0x11FF).contains(scalar.value) || (0xD7B0...0xD7FF).contains(scalar.value)
  }

  /// East Asian Width W and F (UAX #11), in ranges that take the unassigned code points between
  /// with them. Emoji are told by their property.
  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115F,  // Hangul initial consonants
      0x2329...0x232A,  // angle brackets
      0x2E80...0x303E,  // radicals, CJK punctuation
      0x3041...0xA4CF,  // kana, ideographs, hexagrams, Yi
      0xA960...0xA97C,  // Hangul initial consonants, extended
      0xAC00...0xD7A3,  // Hangul syllables
      0xF900...0xFAFF,  // compatibility ideographs
      0xFE10...0xFE19, 0xFE30...0xFE6B,  // vertical and small forms
      0xFF01...0xFF60, 0xFFE0...0xFFE6,  // full-width forms
      0x16FE0...0x18D08,  // Tangut, Khitan
      0x1AFF0...0x1B2FB,  // kana, historic
      0x1F200...0x1F265,  // enclosed ideographs
      0x20000...0x3FFFD:  // ideographs
      true
    default:
      false
    }
  }
}
