import Testing

@testable import Terminal

@Suite("Text from a peer")
struct TerminalTextTests {
  @Test(
    "what a terminal might obey is shown escaped",
    arguments: [
      ("", ""),
      ("plain text, {\"json\": [1, 2]}", "plain text, {\"json\": [1, 2]}"),
      ("a\nb\tc", "a\nb\tc"),
      ("größe 日本語 👩‍🚀 שלום", "größe 日本語 👩‍🚀 שלום"),
      ("\u{1B}[2J", "\\u{1b}[2J"),
      ("\u{1B}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
      ("over\rwritten", "over\\u{d}written"),
      ("line\r\nline", "line\\u{d}\nline"),
      ("a\u{8}b\u{0}", "a\\u{8}b\\u{0}"),
      ("\u{7F}\u{80}\u{9B}2J\u{9F}\u{A0}", "\\u{7f}\\u{80}\\u{9b}2J\\u{9f}\u{A0}"),
      ("file\u{202E}gpj.exe", "file\\u{202e}gpj.exe"),
      ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
      ("e\u{301}\u{1B}", "e\u{301}\\u{1b}"),
      ("a\\u{1b}", "a\\u{1b}"),
    ])
  func printable(text: String, expected: String) {
    #expect(TerminalText.printable(text) == expected)
  }

  @Test("on one line, line breaks are shown escaped too")
  func printableLine() {
    #expect(TerminalText.printableLine("a\nb\tc\u{1B}d é") == "a\\u{a}b\\u{9}c\\u{1b}d é")
  }

  @Test("no byte of a control character is left of any text")
  func allScalars() {
    var text = ""
    for value in 0...0x2FFF as ClosedRange<UInt32> {
      if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
    }
    let printable = TerminalText.printable(text)
    for scalar in printable.unicodeScalars
    where scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t" {
      Issue.record("\(scalar.value)")
    }
    #expect(printable.utf8.count <= 6 * text.utf8.count)
  }

  @Test(
    "a preview of binary data is bounded",
    arguments: [
      ([], 16, "0 bytes"),
      ([0], 16, "1 byte: 00"),
      ([0, 0xFF, 0x10, 0x2A, 7], 5, "5 bytes: 00 ff 10 2a 07"),
      ([0, 0xFF, 0x10, 0x2A, 7], 2, "5 bytes: 00 ff …"),
      ([1, 2], 0, "2 bytes: …"),
      ([1, 2], -1, "2 bytes: …"),
    ])
  func preview(bytes: [UInt8], bytesMax: Int, expected: String) {
    #expect(TerminalText.preview(of: bytes.span, bytesMax: bytesMax) == expected)
  }
}

@Suite("Progress line")
struct ProgressLineTests {
  @Test("on a terminal it is redrawn in place, and wiped")
  func inPlace() {
    var progress = ProgressLine(.inPlace)
    var screen = Screen(columns: 20, rows: 2)
    #expect(progress.clear() == [])
    screen.write(progress.show("1,000 messages", columns: 20, now: 0))
    #expect(screen.text == "1,000 messages")
    screen.write(progress.show("2 messages", columns: 20, now: 1))
    #expect(screen.text == "2 messages")
    screen.write(progress.show("a status that is too long", columns: 20, now: 2))
    #expect(screen.text == "a status that is to")
    screen.write(progress.show("日本語日本語日本語日本語", columns: 20, now: 3))
    #expect(screen.text == "日本語日本語日本語")
    screen.write(progress.clear())
    screen.write("done\n")
    #expect(screen.text == "done")
    #expect(progress.clear() == [])
    #expect(progress.show("status", columns: 0, now: 4) == Array("\r\u{1B}[K".utf8))
  }

  @Test("elsewhere it is lines at intervals, or nothing")
  func lines() {
    var progress = ProgressLine(.lines(intervalMilliseconds: 1000))
    #expect(progress.show("one", columns: 2, now: 5000) == Array("one\n".utf8))
    #expect(progress.show("two", columns: 2, now: 5999) == [])
    #expect(progress.show("three", columns: 2, now: 6000) == Array("three\n".utf8))
    #expect(progress.show("four", columns: 2, now: 6999) == [])
    #expect(progress.clear() == [])

    var hidden = ProgressLine(.hidden)
    #expect(hidden.show("one", columns: 80, now: 0) == [])
    #expect(hidden.clear() == [])
  }
}
