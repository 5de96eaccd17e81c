import Testing

@testable import Terminal

@Suite("History", .timeLimit(.minutes(5)))
struct HistoryTests {
  /// After `one` and `two` were submitted.
  @Test(
    "is walked with the arrows, Ctrl-P and Ctrl-N",
    arguments: [
      ("<up>", "two|"),
      ("<up><up>", "one|"),
      ("<up><up><up>", "one|"),
      ("<C-p><C-p><C-n>", "two|"),
      ("under way<up><up><down><down>", "under way|"),
      ("under way<left><up><down>", "under way|"),
      ("under way<down>", "under way|"),
      ("<up><down>", "|"),
      ("<up>x", "twox|"),
      ("<up>x<up><down>", "two|"),
      ("\u{1B}OA", "two|"),
      ("\u{1B}OA\u{1B}OA\u{1B}OB", "two|"),
    ])
  func walked(keys: String, expected: String) {
    EditorVerifier().verify("one\rtwo\r" + keys, shows: expected, [.line("one"), .line("two")])
  }

  @Test("a walk ends with the line, whichever way that ends")
  func walkEnds() {
    let verifier = EditorVerifier()
    verifier.verify(
      "one\rtwo\r<up><up><enter><up>", shows: "one|",
      [.line("one"), .line("two"), .line("one")])
    verifier.verify(
      "one\rtwo\r<up><up><C-c><up>", shows: "two|",
      [.line("one"), .line("two"), .interrupt])
    verifier.verify(
      "one\rx<up><C-c><up><down>", shows: "|", [.line("one"), .interrupt])
  }

  @Test("has no empty line, and no two equal neighbours")
  func neighbours() {
    var editor = EditorVerifier().makeEditor()
    _ = feed("one\r\rone\rtwo\rone\r<up><enter>", to: &editor)
    #expect(editor.history.lines == ["one", "two", "one"])
  }

  @Test("is bounded in lines and in bytes, and the oldest go first")
  func bounded() {
    var editor = EditorVerifier(historyLinesMax: 3).makeEditor()
    _ = feed("a\rb\rc\rd\r", to: &editor)
    #expect(editor.history.lines == ["b", "c", "d"])

    editor = EditorVerifier(historyBytesMax: 6).makeEditor()
    _ = feed("aa\rbb\rcc\rddd\r", to: &editor)
    #expect(editor.history.lines == ["cc", "ddd"])
    _ = feed("longer than that\r", to: &editor)
    #expect(editor.history.lines == [])
    #expect(feed("<up>e\r<up>", to: &editor) == [.line("e")])
    #expect(editor.text == "e")

    editor = EditorVerifier(historyLinesMax: 0).makeEditor()
    _ = feed("a\r<up>", to: &editor)
    #expect(editor.text == "")
  }
}

@Suite("Pasting", .timeLimit(.minutes(5)))
struct PasteTests {
  private let verifier = EditorVerifier()

  @Test("text is taken as it is")
  func text() {
    verifier.verify("a<paste>bc 日本<paste-end>d", shows: "abc 日本d|")
    verifier.verify("ab<left><paste>xy<paste-end>", shows: "axy|b")
    verifier.verify("<paste>{\t\"a\":1}<paste-end>", shows: "{\\t\"a\":1}|")
    verifier.verify("<paste><paste-end>", shows: "|")
  }

  @Test("a line break submits the line", arguments: ["\r", "\n", "\r\n"])
  func lineBreaks(lineBreak: String) {
    verifier.verify(
      "a<paste>b\(lineBreak)c\(lineBreak)\(lineBreak)d<paste-end>e", shows: "de|",
      [.line("ab"), .line("c"), .line("")])
  }

  @Test("Enter right after a pasted CR is a line of its own")
  func enterAfter() {
    verifier.verify("<paste>a\r<paste-end>\n", shows: "|", [.line("a"), .line("")])
  }

  @Test("keys in it do nothing")
  func keys() {
    verifier.verify(
      "one\r<paste>a<up><left><C-d><C-u><backspace>b<paste-end>",
      shows: "ab|", [.line("one")])
    verifier.verify("<paste><C-d><C-z><C-l><paste-end>", shows: "|")
    verifier.verify("a\u{1B}[201~b", shows: "ab|")
  }

  @Test("Ctrl-C ends it, also where its end never comes")
  func interrupted() {
    verifier.verify(
      "\u{1B}[200~abc<C-c>d<left>", shows: "|d", [.interrupt])
    EditorVerifier(lineBytesMax: 2).verify(
      "\u{1B}[200~abc<C-c>d<left>", shows: "|d", [.bell, .interrupt])
  }

  @Test("what has no room is dropped with all that follows: no line is submitted without its end")
  func refused() {
    let bounded = EditorVerifier(lineBytesMax: 4)
    bounded.verify("<paste>abcdef\rghi\r<paste-end>", shows: "abcd|", [.bell])
    bounded.verify(
      "<paste>ab\rcdefgh\ri<paste-end><enter>", shows: "|", [.line("ab"), .bell, .line("cdef")])
    bounded.verify("<paste>abcdef<paste-end><backspace>x", shows: "abcx|", [.bell])
    verifier.verify(
      Array("\u{1B}[200~a".utf8) + [0xFF] + Array("b\rc\u{1B}[201~d".utf8), shows: "ad|", [.bell])
  }
}
