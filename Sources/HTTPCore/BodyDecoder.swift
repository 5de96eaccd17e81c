/// Finds the content in a message body: by length, or by chunk (RFC 9112 §6, §7.1).
///
/// Holds no bytes: it tells the caller which part of the input is content. Chunk extensions and
/// trailer fields are checked, bounded and dropped.
///
/// After it has thrown, it must not be used again: the connection cannot be read any further.
package struct BodyDecoder: Sendable {
  /// What one call of `decode` found.
  package struct Step: Equatable, Sendable {
    /// Bytes of the input that were taken. Zero only if the input is empty or the body complete.
    package let consumed: Int
    /// The part of the input that is content: within `0..<consumed`, perhaps empty.
    package let content: Range<Int>
    /// The body has ended; what follows `consumed` belongs to the next message.
    package let isComplete: Bool
  }

  private enum State {
    case content(remaining: Int)
    case chunkSize(digits: Int)
    case chunkSizeWhitespace
    case chunkExtension
    case chunkSizeLF
    case chunkContent(remaining: Int)
    case chunkContentCR
    case chunkContentLF
    case trailerLineStart
    case trailerName
    case trailerValue
    case trailerLF
    case endLF
    case complete
    case overLimit
  }

  private let limits: HTTPLimits
  private var state: State
  private var chunkBytes = 0
  private var contentBytes = 0
  private var extensionBytes = 0
  private var trailerBytes = 0
  private var trailerFields = 0

  /// A length under zero traps; one over the limit makes the first `decode` throw.
  package init(framing: BodyFraming, limits: HTTPLimits) {
    self.limits = limits
    switch framing {
    case .none, .length(0):
      state = .complete
    case .length(let length):
      precondition(length >= 0, "a length is not negative")
      state = length <= limits.bodyBytesMax ? .content(remaining: length) : .overLimit
    case .chunked:
      state = .chunkSize(digits: 0)
    }
  }

  /// The whole body has been taken. True from the start when there is none.
  package var isComplete: Bool {
    if case .complete = state { true } else { false }
  }

  /// Takes bytes up to the end of one run of content, or of the body.
  ///
  /// Call it again with what follows `consumed` until that is empty or the body complete. Throws
  /// 400 for malformed chunks or trailers, 413 for too much content or too many extension bytes,
  /// 431 for too long a trailer section.
  package mutating func decode(_ input: Span<UInt8>) throws(HTTPError) -> Step {
    var offset = 0
    while offset < input.count {
      switch state {
      case .content(let remaining):
        let content = offset..<(offset + min(remaining, input.count - offset))
        let left = remaining - content.count
        state = left == 0 ? .complete : .content(remaining: left)
        return step(content)
      case .chunkContent(let remaining):
        let content = offset..<(offset + min(remaining, input.count - offset))
        let left = remaining - content.count
        state = left == 0 ? .chunkContentCR : .chunkContent(remaining: left)
        return step(content)
      case .complete:
        return step(offset..<offset)
      case .overLimit:
        throw Self.contentTooLarge
      case .chunkSize, .chunkSizeWhitespace, .chunkExtension, .chunkSizeLF, .chunkContentCR,
        .chunkContentLF, .trailerLineStart, .trailerName, .trailerValue, .trailerLF, .endLF:
        state = try takeFramingByte(input[offset])
        offset += 1
      }
    }
    return step(offset..<offset)
  }

  private func step(_ content: Range<Int>) -> Step {
    Step(consumed: content.upperBound, content: content, isComplete: isComplete)
  }

  /// The state after a byte that is not content.
  private mutating func takeFramingByte(_ byte: UInt8) throws(HTTPError) -> State {
    switch state {
    case .chunkSize(let digits):
      return try takeChunkSizeByte(byte, digits: digits)
    case .chunkSizeWhitespace:
      // Whitespace is allowed only before the semicolon of an extension (RFC 9112 §7.1.1).
      try countExtensionByte()
      guard byte.isWhitespace || byte == UInt8(ascii: ";") else {
        throw .badRequest("malformed chunk size")
      }
      return byte.isWhitespace ? .chunkSizeWhitespace : .chunkExtension
    case .chunkExtension:
      guard byte != .cr else { return .chunkSizeLF }
      try countExtensionByte()
      guard byte.isFieldValueByte else { throw .badRequest("malformed chunk extension") }
      return .chunkExtension
    case .chunkSizeLF:
      guard byte == .lf else { throw .badRequest("malformed chunk size") }
      return chunkBytes == 0 ? .trailerLineStart : .chunkContent(remaining: chunkBytes)
    case .chunkContentCR:
      guard byte == .cr else { throw .badRequest("chunk longer than its size") }
      return .chunkContentLF
    case .chunkContentLF:
      guard byte == .lf else { throw .badRequest("chunk longer than its size") }
      chunkBytes = 0
      return .chunkSize(digits: 0)
    case .trailerLineStart, .trailerName, .trailerValue, .trailerLF, .endLF:
      return try takeTrailerByte(byte)
    case .content, .chunkContent, .complete, .overLimit:
      preconditionFailure("not within the framing")
    }
  }

  private mutating func takeChunkSizeByte(
    _ byte: UInt8, digits: Int
  ) throws(HTTPError) -> State {
    if let digit = byte.hexDigitValue {
      // Leading zeros are allowed, but not without end.
      guard digits < 16 else { throw .badRequest("chunk size too long") }
      let (high, overflow) = chunkBytes.multipliedReportingOverflow(by: 16)
      guard !overflow, high <= limits.bodyBytesMax - contentBytes else {
        throw Self.contentTooLarge
      }
      let (size, carry) = high.addingReportingOverflow(Int(digit))
      guard !carry, size <= limits.bodyBytesMax - contentBytes else {
        throw Self.contentTooLarge
      }
      chunkBytes = size
      return .chunkSize(digits: digits + 1)
    }
    guard digits > 0 else { throw .badRequest("malformed chunk size") }
    contentBytes += chunkBytes
    switch byte {
    case .cr:
      return .chunkSizeLF
    case .space, .tab:
      try countExtensionByte()
      return .chunkSizeWhitespace
    case UInt8(ascii: ";"):
      try countExtensionByte()
      return .chunkExtension
    default:
      throw .badRequest("malformed chunk size")
    }
  }

  /// Field lines up to an empty line (RFC 9112 §7.1.2), checked as in a head, and not kept.
  private mutating func takeTrailerByte(_ byte: UInt8) throws(HTTPError) -> State {
    guard trailerBytes < limits.headBytesMax else { throw Self.trailersTooLarge }
    trailerBytes += 1
    switch state {
    case .trailerLineStart:
      if byte == .cr { return .endLF }
      guard trailerFields < limits.headerFieldsMax else { throw Self.trailersTooLarge }
      trailerFields += 1
      guard byte.isTokenByte else { throw .badRequest("malformed trailer field") }
      return .trailerName
    case .trailerName:
      guard byte.isTokenByte || byte == UInt8(ascii: ":") else {
        throw .badRequest("malformed trailer field")
      }
      return byte == UInt8(ascii: ":") ? .trailerValue : .trailerName
    case .trailerValue:
      guard byte.isFieldValueByte || byte == .cr else {
        throw .badRequest("malformed trailer field")
      }
      return byte == .cr ? .trailerLF : .trailerValue
    case .trailerLF:
      guard byte == .lf else { throw .badRequest("bare CR") }
      return .trailerLineStart
    case .endLF:
      guard byte == .lf else { throw .badRequest("bare CR") }
      return .complete
    case .content, .chunkSize, .chunkSizeWhitespace, .chunkExtension, .chunkSizeLF,
      .chunkContent, .chunkContentCR, .chunkContentLF, .complete, .overLimit:
      preconditionFailure("not within the trailer section")
    }
  }

  private mutating func countExtensionByte() throws(HTTPError) {
    guard extensionBytes < limits.chunkExtensionBytesMax else {
      throw HTTPError(status: .contentTooLarge, reason: "chunk extensions too long")
    }
    extensionBytes += 1
  }

  private static let contentTooLarge =
    HTTPError(status: .contentTooLarge, reason: "body over the limit")
  private static let trailersTooLarge =
    HTTPError(status: .requestHeaderFieldsTooLarge, reason: "trailer section too long")
}
