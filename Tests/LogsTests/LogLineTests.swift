import Testing

@testable import Logs

private func line(_ format: LogFormat, _ addFields: (inout LogLine) -> Void) -> String {
  var line = LogLine(appendingTo: [], format, .info, "a message", at: Array("T".utf8))
  addFields(&line)
  return String(decoding: line.finished(), as: UTF8.self)
}

private func value(_ text: String, _ format: LogFormat = .json) -> String {
  let end = format == .json ? "}\n" : "\n"
  let begin = format == .json ? ",\"a\":" : " a="
  let head = line(format) { _ in }.dropLast(end.count)
  let whole = line(format) { $0.add("a", text) }
  #expect(whole.hasPrefix(head + begin))
  return String(whole.dropFirst(head.count + begin.count).dropLast(end.count))
}

@Suite("Lines of the log")
struct LogLineTests {
  @Test("the three formats")
  func formats() {
    func fields(_ line: inout LogLine) {
      line.add("path", "/a b")
      line.add("status", 101)
      line.add("peer", "::1")
      line.add("none", nil as String?)
    }
    #expect(
      line(.json, fields) == #"{"time":"T","level":"info","message":"a message","#
        + #""path":"/a b","status":101,"peer":"::1"}"# + "\n")
    #expect(
      line(.logfmt, fields)
        == #"time=T level=info message="a message" path="/a b" status=101 peer=::1"# + "\n")
    #expect(line(.text, fields) == #"T info    a message path="/a b" status=101 peer=::1"# + "\n")
  }

  @Test("numbers")
  func numbers() {
    for number in [0, 1, 9, 10, 99, 100, UInt64.max] as [UInt64] {
      #expect(line(.logfmt) { $0.add("n", number) }.hasSuffix(" n=\(number)\n"))
    }
    #expect(line(.logfmt) { $0.add("n", -1) }.hasSuffix(" n=0\n"))
  }

  @Test(
    "what could forge a line, or do things to a terminal, is escaped",
    arguments: [
      ("a\nb", #""a\nb""#), ("a\r\"b\\", #""a\r\"b\\""#), ("\t", #""\t""#),
      ("\u{1B}[2J", #""\u001b[2J""#), ("\0", #""\u0000""#), ("\u{7F}\u{9B}", #""\u007f\u009b""#),
      ("a\u{2028}b", #""a\u2028b""#), ("\u{202E}x\u{200B}", #""\u202ex\u200b""#),
      ("\u{E0001}", #""\udb40\udc01""#), ("\u{FEFF}", #""\ufeff""#), ("", #""""#),
      ("é 😀", #""é 😀""#),
    ])
  func escapes(text: String, escaped: String) {
    for format in [LogFormat.json, .logfmt, .text] { #expect(value(text, format) == escaped) }
  }

  @Test("words without need of quotes", arguments: ["a", "/a%20b?c", "::1", "{}", "a'b"])
  func words(text: String) {
    #expect(value(text, .logfmt) == text)
    #expect(value(text, .json) == "\"\(text)\"")
  }

  @Test("a word with = could be read as a field", arguments: ["a=b", "=", "a b", "a\"b"])
  func quoted(text: String) {
    #expect(value(text, .logfmt).hasPrefix("\""))
  }

  @Test("long values are cut off", arguments: [LogFormat.json, .logfmt, .text])
  func long(format: LogFormat) {
    let max = LogLine.valueBytesMax
    let text = String(repeating: "a", count: max)
    #expect(value(text, format).count <= max + 2)
    #expect(value(text, format).filter { $0 == "a" }.count == max)
    #expect(value(text + "b", format) == "\"\(text)…\"")
    // Escapes count as what is written.
    #expect(value(String(repeating: "\u{1}", count: max), format).utf8.count < max + 16)
  }

  @Test("times have milliseconds, in UTC")
  func times() {
    var clock = LogTime()
    for (milliseconds, text) in [
      (0, "1970-01-01T00:00:00.000Z"), (7, "1970-01-01T00:00:00.007Z"),
      (951_782_399_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (951_782_400_120, "2000-02-29T00:00:00.120Z"), (1, "1970-01-01T00:00:00.001Z"),
    ] as [(UInt64, String)] {
      #expect(clock.format(unixMilliseconds: milliseconds) == Array(text.utf8))
    }
  }
}
