/// Cuts a message head into lines and checks its field lines (RFC 9112 §2.1, §2.2, §5).
///
/// Both directions use it: the start line goes to the caller, field lines are checked and kept.
/// Each byte is looked at once, whatever the pieces it comes in, and is copied once, into the array
/// that the head's `HeaderFields` then own. What is wrong is reported at the first byte that shows
/// it, so the outcome does not depend on the pieces either.
///
/// Line ends are CRLF only, and control characters are refused everywhere but HTAB.
struct HeadScanner: ~Copyable {
  enum Direction {
    /// Errors are 400, 414 and 431; one empty line before the request line is skipped.
    case request
    /// Errors are 502.
    case response
  }

  enum Event {
    /// The start line is at this range of `bytes`, without its CRLF.
    case startLine(Range<Int>)
    /// The empty line: the head is complete. Call `takeFields()`.
    case end
  }

  private enum State {
    case empty
    case leadingCR
    case leadingEmptyLine
    case line
    case lineCR
  }

  private let direction: Direction
  private let limits: HTTPLimits
  private var state = State.empty
  private var hasStartLine = false
  private var lineStart = 0
  private var lines: [HeaderFields.Line] = []
  /// The head so far, line ends included, without the empty line before it.
  private(set) var bytes: [UInt8] = []

  init(_ direction: Direction, limits: HTTPLimits) {
    self.direction = direction
    self.limits = limits
  }

  /// Nothing of a head has come yet (an empty line before it is nothing).
  var isEmpty: Bool {
    switch state {
    case .empty, .leadingCR, .leadingEmptyLine: true
    case .line, .lineCR: false
    }
  }

  /// Takes bytes from `offset` on, and moves it past them, until there is an event or no more input.
  mutating func next(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTPError) -> Event? {
    while offset < input.count {
      switch state {
      case .empty:
        guard direction == .request, input[offset] == .cr else {
          state = .line
          continue
        }
        offset += 1
        state = .leadingCR

      case .leadingCR:
        guard input[offset] == .lf else { throw malformed("bare CR") }
        offset += 1
        state = .leadingEmptyLine

      case .leadingEmptyLine:
        guard input[offset] != .cr else { throw malformed("empty request line") }
        state = .line

      case .line:
        try takeLineBytes(input, &offset)

      case .lineCR:
        guard bytes.count < limits.headBytesMax else { throw overLimit }
        guard input[offset] == .lf else { throw malformed("bare CR") }
        offset += 1
        if let event = try endLine() { return event }
      }
    }
    return nil
  }

  /// Hands over the field lines of a complete head, and is ready for the next head.
  mutating func takeFields() -> HeaderFields {
    let fields = HeaderFields(storage: bytes, lines: lines)
    bytes = []
    lines = []
    lineStart = 0
    hasStartLine = false
    state = .empty
    return fields
  }

  /// Takes the bytes of a line up to and with its CR.
  private mutating func takeLineBytes(
    _ input: Span<UInt8>, _ offset: inout Int
  ) throws(HTTPError) {
    let start = offset
    let end = min(input.count, start + (limits.headBytesMax - bytes.count))
    while offset < end, input[offset].isFieldValueByte {
      offset += 1
    }
    guard offset < end else {
      guard end == input.count else { throw overLimit }
      append(input, start..<offset)
      return
    }
    guard input[offset] == .cr else {
      throw malformed(input[offset] == .lf ? "bare LF" : "control character")
    }
    offset += 1
    append(input, start..<offset)
    state = .lineCR
  }

  private mutating func append(_ input: Span<UInt8>, _ range: Range<Int>) {
    if bytes.isEmpty {
      // Most heads come in one piece: take their memory in one piece too.
      bytes.reserveCapacity(min(input.count - range.lowerBound, limits.headBytesMax))
    }
    let piece = input.extracting(range)
    // SAFETY: the buffer is only read within the closure, while `piece` is alive.
    unsafe piece.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
  }

  /// The LF has come; its CR is already in `bytes`.
  private mutating func endLine() throws(HTTPError) -> Event? {
    let line = lineStart..<(bytes.count - 1)
    bytes.append(.lf)
    lineStart = bytes.count
    state = .line
    guard hasStartLine else {
      hasStartLine = true
      return .startLine(line)
    }
    guard !line.isEmpty else { return .end }
    lines.append(try fieldLine(line))
    return nil
  }

  /// `field-name ":" OWS field-value OWS` (RFC 9112 §5).
  private func fieldLine(_ line: Range<Int>) throws(HTTPError) -> HeaderFields.Line {
    guard lines.count < limits.headerFieldsMax else {
      throw direction == .request
        ? HTTPError(status: .requestHeaderFieldsTooLarge, reason: "too many header fields")
        : malformed("too many header fields")
    }
    guard !bytes[line.lowerBound].isWhitespace else { throw malformed("folded field line") }
    guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")) else {
      throw malformed("field line without a colon")
    }
    guard bytes[line.lowerBound..<colon].isToken else { throw malformed("invalid field name") }
    let value = bytes[(colon + 1)..<line.upperBound].trimmingWhitespace
    return HeaderFields.Line(name: line.lowerBound..<colon, value: value.indices)
  }

  private func malformed(_ reason: String) -> HTTPError {
    HTTPError(status: direction == .request ? .badRequest : .badGateway, reason: reason)
  }

  private var overLimit: HTTPError {
    switch direction {
    case .response:
      HTTPError(status: .badGateway, reason: "response head too long")
    case .request where hasStartLine:
      HTTPError(status: .requestHeaderFieldsTooLarge, reason: "request head too long")
    case .request:
      HTTPError(status: .uriTooLong, reason: "request line too long")
    }
  }
}
