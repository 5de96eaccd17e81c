import Testing

@testable import Terminal

@Suite("Drawing the line", .timeLimit(.minutes(5)))
struct DrawingTests {
  private func drawn(_ keys: String, prompt: String = "> ", columns: Int) -> String {
    var editor = EditorVerifier().makeEditor()
    _ = feed(keys, to: &editor)
    var screen = Screen(columns: columns, rows: 1)
    // Over what another line has left.
    screen.write(String(repeating: "#", count: columns - 1))
    screen.write(editor.drawing(prompt: prompt, columns: columns))
    return screen.row(0, cursor: "|")
  }

  @Test(
    "the cursor is where the user expects it",
    arguments: [
      ("", "> |"),
      ("hello", "> hello|"),
      ("hello<left><left>", "> hel|lo"),
      ("hello<home>", "> |hello"),
      ("日本語<left>", "> 日本|語"),
      ("cafe\u{301}s<left>", "> cafe\u{301}|s"),
      ("👩‍🚀🇩🇪❤️x<left><left>", "> 👩‍🚀🇩🇪|❤️x"),
      ("한\u{1112}\u{1161}\u{11AB}<left>", "> 한|\u{1112}\u{1161}\u{11AB}"),
      ("a\tb<left>", "> a\\t|b"),
      // No pasted text turns the row around.
      ("a\u{202E}b", "> a\\u{202e}b|"),
    ])
  func cursor(keys: String, expected: String) {
    #expect(drawn(keys, columns: 40) == expected)
  }

  /// 10 columns: 2 for the prompt, 7 for the line, and the last.
  @Test(
    "a line longer than the row is scrolled around the cursor",
    arguments: [
      ("abcdefg", "> abcdefg|"),
      ("abcdefgh", "> bcdefgh|"),
      ("abcdefghij", "> defghij|"),
      ("abcdefghij<left>", "> defghi|j"),
      ("abcdefghij<left><left><left><left>", "> def|ghij"),
      ("abcdefghij<left><left><left><left><left>", "> cde|fghi"),
      ("abcdefghij<home><right><right>", "> ab|cdefg"),
      ("abcdefghij<home>", "> |abcdefg"),
      // A wide cluster is shown whole or not at all.
      ("日本語中", "> 本語中|"),
      ("日本語中文", "> 語中文|"),
      ("a日本語中", "> 本語中|"),
      ("日本語中文<home>", "> |日本語"),
      ("日本語中文<home><right><right><right>", "> 語|中文"),
    ])
  func scrolled(keys: String, expected: String) {
    #expect(drawn(keys, columns: 10) == expected)
  }

  @Test("the prompt goes when it takes more than half of the row")
  func prompt() {
    #expect(drawn("abcdefghij", prompt: "wss://", columns: 12) == "wss://fghij|")
    #expect(drawn("abcdefghij", prompt: "wss://", columns: 11) == "abcdefghij|")
    #expect(drawn("abcdefghij", prompt: "日本", columns: 9) == "日本ghij|")
  }

  @Test("on a terminal too narrow for anything, nothing is written beyond it")
  func narrow() {
    #expect(drawn("abc", columns: 1) == "|")
    #expect(drawn("abc", columns: 2) == "c|")
    #expect(drawn("日本", columns: 2) == "|")
    #expect(drawn("日本", columns: 3) == "本|")
    let editor = EditorVerifier().makeEditor()
    for columns in [0, -1, Int.min] {
      #expect(editor.drawing(prompt: "> ", columns: columns) == Array("\r\u{1B}[K\r".utf8))
    }
  }

  @Test("a message goes above the line, which stays as it is")
  func messages() {
    var editor = EditorVerifier().makeEditor()
    var screen = Screen(columns: 20, rows: 4)
    func draw() { screen.write(editor.drawing(prompt: "> ", columns: 20)) }
    func printAbove(_ message: String) {
      screen.write(LineEditor.clearing)
      screen.write(message + "\n")
      draw()
    }
    draw()
    printAbove("connected")
    _ = feed("hel", to: &editor)
    draw()
    printAbove("< one")
    #expect(screen.text == "connected\n< one\n> hel")
    _ = feed("lo<left>", to: &editor)
    draw()
    printAbove("< two")
    #expect(screen.text == "connected\n< one\n< two\n> hello")
    #expect(screen.row(3, cursor: "|") == "> hell|o")
    printAbove("< three")
    #expect(screen.text == "< one\n< two\n< three\n> hello")
    #expect(feed("<enter>", to: &editor) == [.line("hello")])
    printAbove("> hello")
    #expect(screen.text == "< two\n< three\n> hello\n> ")
    screen.write(LineEditor.clearingScreen)
    draw()
    #expect(screen.row(0, cursor: "|") == "> |")
    #expect(screen.text == "> ")
  }

  @Test("after any edits at any width, the row shows the text around the cursor", arguments: 0..<8)
  func random(seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    var editor = EditorVerifier(lineBytesMax: 200).makeEditor()
    let keys = [
      "a", "b", " ", "é", "e\u{301}", "日", "👩‍🚀", "🇩🇪", "❤️", "\t", "\u{202E}", "<left>", "<left>",
      "<right>",
      "<home>", "<end>", "<backspace>", "<delete>", "<C-left>", "<C-t>",
      "<paste>some words<paste-end>",
    ]
    var screen = Screen(columns: 1, rows: 1)
    for _ in 0..<600 {
      _ = feed(keys.randomElement(using: &generator)!, to: &editor)
      let columns = Int.random(in: 1...60, using: &generator)
      if columns != screen.columns && Bool.random(using: &generator) {
        screen = Screen(columns: columns, rows: 1)
      }
      let prompt = screen.columns >= 4 ? "> " : ""
      screen.write(editor.drawing(prompt: "> ", columns: screen.columns))

      let shown = screen.row(0, cursor: "|")
      let left = printable(editor.buffer.before)
      let right = printable(editor.buffer.after.reversed())
      let parts = shown.split(separator: "|", omittingEmptySubsequences: false)
      #expect(parts.count == 2 && parts[0].hasPrefix(prompt), "\(shown)")
      let shownLeft = String(parts[0].dropFirst(prompt.count))
      let shownRight = String(parts[1])
      #expect(left.hasSuffix(shownLeft), "\(shown), not \(left)|\(right)")
      #expect(right.hasPrefix(shownRight), "\(shown), not \(left)|\(right)")
      if DisplayWidth.of(prompt + left + right) < screen.columns {
        #expect(shown == prompt + left + "|" + right)
      } else {
        // On each side one cluster may not fit; the widest takes eight columns, escaped.
        let width = DisplayWidth.of(prompt + shownLeft + shownRight)
        #expect(width >= screen.columns - 1 - 2 * 7, "\(shown), not \(left)|\(right)")
      }
    }
  }

  private func printable(_ clusters: some Sequence<Character>) -> String {
    clusters.map { $0 == "\t" ? "\\t" : TerminalText.printable(String($0)) }.joined()
  }
}

@Suite("Display width")
struct DisplayWidthTests {
  @Test(
    "of a cluster",
    arguments: [
      ("a", 1), ("é", 1), ("e\u{301}", 1), ("\u{301}", 0), ("\u{200B}", 0), ("\u{AD}", 1),
      ("д", 1), ("م", 1), ("ก", 1), ("→", 1), ("…", 1), ("─", 1), ("❤", 1), ("①", 1),
      ("日", 2), ("あ", 2), ("ア", 2), ("ｱ", 1), ("Ａ", 2), ("￥", 2), ("。", 2), ("한", 2),
      ("\u{1112}\u{1161}\u{11AB}", 2), ("𠮷", 2),
      ("😀", 2), ("👍🏽", 2), ("👩‍🚀", 2), ("❤️", 2), ("1️⃣", 2), ("🇩🇪", 2), ("⌚", 2), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
    ])
  func clusters(cluster: Character, width: Int) {
    #expect(DisplayWidth.of(cluster) == width)
  }

  @Test("what fits into a number of columns")
  func prefix() {
    #expect(DisplayWidth.prefix(of: "ab日本", columns: 4) == "ab日")
    #expect(DisplayWidth.prefix(of: "ab日本", columns: 5) == "ab日")
    #expect(DisplayWidth.prefix(of: "ab日本", columns: 6) == "ab日本")
    #expect(DisplayWidth.prefix(of: "e\u{301}x", columns: 1) == "e\u{301}")
    #expect(DisplayWidth.prefix(of: "ab", columns: -1) == "")
  }
}
