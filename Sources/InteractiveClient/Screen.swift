internal import Glibc
internal import SystemIO
internal import Terminal
internal import WebSocketCore

/// Where messages and news go: to a person's terminal, or to another program.
///
/// On a terminal messages are marked with `<`, made harmless, and printed above the line
/// that is being typed. Elsewhere standard output gets messages and nothing else, each as
/// it came, with its delimiter. News are for standard error.
struct Screen: ~Copyable {
  /// Standard output is a terminal.
  let isTerminal: Bool
  private let delimiter: UInt8
  private let hasColors: Bool
  /// The line that is being typed, if there is one.
  private var prompt: [UInt8] = []
  /// Where standard output is no terminal: who reads it may be slow.
  private let writer: OutputWriter?
  private var terminalIsGone = false

  init(delimiter: UInt8, waker: Waker) throws(SystemError) {
    isTerminal = Terminal.isTerminal(StandardStream.output.rawValue)
    let environment = TerminalEnvironment.current()
    hasColors = isTerminal && !environment.isDumb && !environment.isColorless
    self.delimiter = delimiter
    writer =
      isTerminal
      ? nil : try OutputWriter(descriptor: StandardStream.output.rawValue, waker: waker)
  }

  /// What the reader of standard output has not taken yet.
  var queuedBytes: Int { writer?.queuedBytes ?? 0 }

  enum OutputEnd {
    /// Nobody reads standard output any more.
    case closed
    /// It cannot be written to.
    case failed(SystemError)
  }

  /// Why messages can't be shown any more.
  var outputEnd: OutputEnd? {
    if terminalIsGone { return .closed }
    return writer?.failure.map { $0.code == EPIPE ? .closed : .failed($0) }
  }

  mutating func show(_ kind: MessageKind, _ payload: Span<UInt8>) {
    guard let writer else {
      print(mark("<", color: 36) + " " + Self.readable(kind, payload), on: .output)
      return
    }
    writer.write(
      [UInt8](capacity: payload.count + 1) { output in
        for index in payload.indices { output.append(payload[index]) }
        output.append(delimiter)
      })
  }

  /// A line that was sent, where the editor has left no trace of it.
  mutating func echo(_ line: String) {
    print(mark(">", color: 32) + " " + TerminalText.printable(line), on: .output)
  }

  /// News about the connection. May quote the server.
  mutating func tell(_ text: String) {
    let harmless = TerminalText.printableLine(text)
    print(hasColors ? "\u{1B}[2m\(harmless)\u{1B}[0m" : harmless, on: .error)
  }

  mutating func complain(_ text: String) {
    print("sluice: \(TerminalText.printableLine(text))", on: .error)
  }

  /// Draws the line that is being typed, now and after everything that is printed. The
  /// empty array shows none.
  mutating func setPrompt(_ drawing: [UInt8]) {
    if drawing.isEmpty && !prompt.isEmpty { StandardStream.output.write(LineEditor.clearing) }
    prompt = drawing
    if !prompt.isEmpty { StandardStream.output.write(prompt) }
  }

  private mutating func print(_ line: String, on stream: StandardStream) {
    if !prompt.isEmpty { StandardStream.output.write(LineEditor.clearing) }
    if !stream.write(Array(line.utf8) + [UInt8(ascii: "\n")]) && stream == .output {
      terminalIsGone = true
    }
    if !prompt.isEmpty { StandardStream.output.write(prompt) }
  }

  private func mark(_ text: String, color: Int) -> String {
    hasColors ? "\u{1B}[\(color)m\(text)\u{1B}[0m" : text
  }

  private static func readable(_ kind: MessageKind, _ payload: Span<UInt8>) -> String {
    switch kind {
    case .text: TerminalText.printable(text(payload))
    case .binary: TerminalText.preview(of: payload, bytesMax: 64)
    }
  }
}

/// UTF-8 as a string; the caller knows that it is valid.
func text(_ bytes: Span<UInt8>) -> String {
  // SAFETY: every byte of the capacity is written.
  unsafe String(unsafeUninitializedCapacity: bytes.count) { buffer in
    for index in bytes.indices { unsafe buffer[index] = bytes[index] }
    return bytes.count
  }
}
