/// What libFuzzer calls with every input; the target's file has `fuzz(_:)`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzerTestOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer passes `count` readable bytes.
  var input = FuzzInput(bytes: unsafe Array(UnsafeBufferPointer(start: data, count: count)))
  fuzz(&input)
  return 0
}

/// An input: a few bytes that choose how to run, then what is fed.
struct FuzzInput {
  private var bytes: ArraySlice<UInt8>

  init(bytes: [UInt8]) {
    self.bytes = bytes[...]
  }

  /// The next byte of choice, 0 when there is none.
  mutating func choice() -> UInt8 {
    bytes.popFirst() ?? 0
  }

  /// What is left, in an allocation of just its size, so that reading past its end is found.
  var rest: [UInt8] { Array(bytes) }

  /// What is left, cut at every `separator`, into `count` texts at most.
  func texts(_ count: Int, separator: UInt8 = 0) -> [String] {
    let parts = bytes.split(
      separator: separator, maxSplits: count - 1, omittingEmptySubsequences: false)
    let texts = parts.map { String(decoding: $0, as: UTF8.self) }
    return texts + Array(repeating: "", count: count - texts.count)
  }

  /// The same bytes in different pieces, each in an allocation of its own: whole, one by one, and
  /// in pieces whose sizes follow from `seed`, empty ones among them.
  static func cuts(of bytes: [UInt8], seed: UInt8) -> [[[UInt8]]] {
    var pieces: [[UInt8]] = []
    var random = UInt32(seed) &* 0x9E37_79B9 | 1
    var offset = 0
    while offset < bytes.count {
      random = random &* 1_664_525 &+ 1_013_904_223
      let size = Int(random >> 24) & (random >> 16 & 3 == 0 ? 0xFF : 0x7)
      let end = min(bytes.count, offset + size)
      pieces.append(Array(bytes[offset..<end]))
      offset = end
    }
    return [[bytes], bytes.map { [$0] }, pieces]
  }
}

/// A property that has to hold for every input.
func expect(
  _ condition: Bool, _ property: @autoclosure () -> String, line: UInt = #line,
  file: StaticString = #fileID
) {
  guard condition else { fatalError(property(), file: file, line: line) }
}

/// That `outcome` is the same for every cut of the bytes.
func expectSameForEveryCut<Outcome: Equatable>(
  of bytes: [UInt8], seed: UInt8, _ outcome: ([[UInt8]]) -> Outcome
) -> Outcome {
  let cuts = FuzzInput.cuts(of: bytes, seed: seed)
  let whole = outcome(cuts[0])
  for pieces in cuts.dropFirst() {
    let other = outcome(pieces)
    expect(other == whole, "whole: \(whole)\nin \(pieces.count) pieces: \(other)")
  }
  return whole
}
