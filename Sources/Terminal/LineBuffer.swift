/// The text of a line and the cursor in it, in grapheme clusters.
///
/// The text lies on both sides of the cursor, so that typing and pasting cost the same wherever
/// the cursor is. What UTF-8 takes is bounded.
struct LineBuffer: Sendable {
  /// More than any emoji or letter of a living language; without a bound, a paste of combining
  /// characters alone would be compared with itself again and again.
  private static let clusterBytesMax = 128

  /// What is left of the cursor.
  private(set) var before: [Character] = []
  /// What is right of the cursor, the nearest last.
  private(set) var after: [Character] = []
  private(set) var byteCount = 0
  private let bytesMax: Int

  init(bytesMax: Int) {
    self.bytesMax = bytesMax
  }

  var isEmpty: Bool { before.isEmpty && after.isEmpty }

  var text: String {
    var text = String(before)
    text.append(contentsOf: after.reversed())
    return text
  }

  // MARK: - Inserting

  /// Returns false, and changes nothing, when there is no room for it.
  mutating func insert(_ scalar: Unicode.Scalar) -> Bool {
    let size = UTF8.width(scalar)
    guard size <= bytesMax - byteCount else { return false }
    if let last = before.last, !(scalar.isASCII && last.isASCII) {
      var joined = String(last)
      joined.unicodeScalars.append(scalar)
      if joined.isOneCluster {
        guard joined.utf8.count <= Self.clusterBytesMax else { return false }
        before.removeLast()
        before.append(Character(joined))
      } else {
        before.append(Character(scalar))
      }
    } else {
      before.append(Character(scalar))
    }
    byteCount += size
    joinAtCursor()
    return true
  }

  /// Replaces the text by one that this buffer has held before. The cursor is at its end.
  mutating func replace(with text: String) {
    before = Array(text)
    after = []
    byteCount = text.utf8.count
  }

  /// What an edit has brought together may be one cluster now: two halves of a flag, say.
  private mutating func joinAtCursor() {
    guard let left = before.last, let right = after.last, !(left.isASCII && right.isASCII) else {
      return
    }
    let joined = String(left) + String(right)
    guard joined.utf8.count <= Self.clusterBytesMax, joined.isOneCluster else { return }
    after.removeLast()
    before.removeLast()
    before.append(Character(joined))
  }

  // MARK: - Deleting

  mutating func deleteAll() { replace(with: "") }
  mutating func deleteBackward() { deleteBackward(min(1, before.count)) }
  mutating func deleteForward() { deleteForward(min(1, after.count)) }
  mutating func deleteToStart() { deleteBackward(before.count) }
  mutating func deleteToEnd() { deleteForward(after.count) }
  mutating func deleteWordBackward() { deleteBackward(wordBackward { $0.isWordPart }) }
  mutating func deleteWordForward() { deleteForward(wordForward) }
  /// Words that only white space parts.
  mutating func deleteSpacedWordBackward() { deleteBackward(wordBackward { !$0.isWhitespace }) }

  private mutating func deleteBackward(_ count: Int) {
    for cluster in before.suffix(count) { byteCount -= cluster.utf8.count }
    before.removeLast(count)
    joinAtCursor()
  }

  private mutating func deleteForward(_ count: Int) {
    for cluster in after.suffix(count) { byteCount -= cluster.utf8.count }
    after.removeLast(count)
    joinAtCursor()
  }

  // MARK: - Moving

  mutating func moveLeft() { moveBackward(min(1, before.count)) }
  mutating func moveRight() { moveForward(min(1, after.count)) }
  mutating func moveToStart() { moveBackward(before.count) }
  mutating func moveToEnd() { moveForward(after.count) }
  mutating func moveWordLeft() { moveBackward(wordBackward { $0.isWordPart }) }
  mutating func moveWordRight() { moveForward(wordForward) }

  private mutating func moveBackward(_ count: Int) {
    after.append(contentsOf: before.suffix(count).reversed())
    before.removeLast(count)
  }

  private mutating func moveForward(_ count: Int) {
    before.append(contentsOf: after.suffix(count).reversed())
    after.removeLast(count)
  }

  /// Swaps the clusters on both sides of the cursor and goes behind them; at the end of the line
  /// the last two.
  mutating func transpose() {
    guard before.count >= (after.isEmpty ? 2 : 1) else { return }
    if after.isEmpty { moveLeft() }
    let left = before.removeLast()
    let right = after.removeLast()
    before.append(right)
    before.append(left)
    joinAtCursor()
  }

  // MARK: - Words

  /// How many clusters a word to the left and what lies between it and the cursor have.
  private func wordBackward(_ isPart: (Character) -> Bool) -> Int {
    var index = before.count
    while index > 0, !isPart(before[index - 1]) { index -= 1 }
    while index > 0, isPart(before[index - 1]) { index -= 1 }
    return before.count - index
  }

  private var wordForward: Int {
    var index = after.count
    while index > 0, !after[index - 1].isWordPart { index -= 1 }
    while index > 0, after[index - 1].isWordPart { index -= 1 }
    return after.count - index
  }
}

extension Character {
  fileprivate var isWordPart: Bool { isLetter || isNumber }
}

extension String {
  /// For a string that isn't empty.
  fileprivate var isOneCluster: Bool { index(after: startIndex) == endIndex }
}
