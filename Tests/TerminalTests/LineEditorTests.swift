import Terminal
import Testing

@Suite("Editing a line", .timeLimit(.minutes(5)))
struct LineEditorTests {
  @Test(
    "keys edit as in readline's emacs mode",
    arguments: [
      ("", "|"),
      ("hello", "hello|"),
      ("tab\there", "tab\\there|"),
      // Deleting a character.
      ("abc<backspace>", "ab|"),
      ("abc<C-h>", "ab|"),
      ("<backspace>a", "a|"),
      ("abc<left><backspace>", "a|c"),
      ("abc<home><delete>", "|bc"),
      ("abc<delete>", "abc|"),
      ("abc<left><left><C-d>", "a|c"),
      ("abc<C-d>", "abc|"),
      // Moving.
      ("abc<left>x", "abx|c"),
      ("abc<C-b><C-b><C-b><C-b>x", "x|abc"),
      ("abc<home><right>x", "ax|bc"),
      ("abc<C-a><C-f>x", "ax|bc"),
      ("abc<right>x", "abcx|"),
      ("abc<home><end>x", "abcx|"),
      ("abc<C-a>x<C-e>y", "xabcy|"),
      // Words.
      ("one, two<M-b>", "one, |two"),
      ("one, two<M-b><M-b>", "|one, two"),
      ("one, two<C-left><C-left><C-left>", "|one, two"),
      ("one, two<home><M-f>", "one|, two"),
      ("one, two<home><C-right><C-right><C-right>", "one, two|"),
      ("one, two<home><M-d>", "|, two"),
      ("one, two<home><M-d><M-d><M-d>", "|"),
      ("one.two <M-backspace>", "one.|"),
      ("one.two <M-C-h>", "one.|"),
      ("zero one.two  <C-w>", "zero |"),
      ("zero one<C-w><C-w><C-w>", "|"),
      ("größe 42<M-b><M-b><M-d>", "| 42"),
      // The rest of the line.
      ("one two<M-b><C-k>", "one |"),
      ("one two<M-b><C-u>", "|two"),
      // Swapping.
      ("abc<C-t>", "acb|"),
      ("abc<left><C-t>", "acb|"),
      ("abc<left><left><C-t>", "ba|c"),
      ("abc<home><C-t>", "|abc"),
      ("a<C-t>", "a|"),
      // Keys that mean nothing here.
      ("a<C-g><C-q><C-v>\u{0}\u{1C}b", "ab|"),
      ("a<M-x><M-é>b", "aéb|"),
    ])
  func editing(keys: String, expected: String) {
    EditorVerifier().verify(keys, shows: expected)
  }

  @Test(
    "other sequences for the same keys",
    arguments: [
      ("\u{1B}OD", "a|b"), ("\u{1B}OD\u{1B}OC", "ab|"),
      ("\u{1B}[1~", "|ab"), ("\u{1B}[7~", "|ab"), ("\u{1B}OH", "|ab"),
      ("\u{1B}[1~\u{1B}[4~", "ab|"), ("\u{1B}[7~\u{1B}[8~", "ab|"), ("\u{1B}OH\u{1B}OF", "ab|"),
      ("\u{1B}[1;3D", "|ab"), ("\u{1B}[1;7D", "|ab"), ("\u{1B}[1;2D", "a|b"),
      ("\u{1B}[1;2H", "|ab"), ("\u{1B}[D\u{1B}[3;5~", "a|"),
      // Alt as a second Escape in front.
      ("\u{1B}\u{1B}[D", "a|b"),
    ])
  func variants(keys: String, expected: String) {
    EditorVerifier().verify("ab" + keys, shows: expected)
  }

  @Test(
    "unknown sequences are swallowed whole",
    arguments: [
      "\u{1B}[15~", "\u{1B}[Z", "\u{1B}[2~", "\u{1B}[I", "\u{1B}[?1;2c", "\u{1B}[>0;276;0c",
      "\u{1B}[27;5;13~", "\u{1B}[97;5u", "\u{1B}[=1;2;3;4;5A", "\u{1B}[ q",
      "\u{1B}[99999999999999999999999;99999999999999999999999~", "\u{1B}[<0;12;13m",
      "\u{1B}[1[", "\u{1B}OP", "\u{1B}O1;5P", "\u{1B}[[A", "\u{1B}[[E",
      "\u{1B}]11;rgb:0000/0000/0000\u{1B}\\", "\u{1B}]11;rgb:0000/0000/0000\u{7}",
      "\u{1B}]52;c;größe\u{7}", "\u{1B}P>|xterm(390)\u{1B}\\", "\u{1B}P1$r0m\u{1B}\\",
      "\u{1B}]0;cut off by another\u{1B}[15~",
      // Alt and a key that could begin a report.
      "\u{1B}]", "\u{1B}P", "\u{1B}X", "\u{1B}^", "\u{1B}_", "\u{1B} ", "\u{1B}(",
    ])
  func unknown(sequence: String) {
    EditorVerifier().verify("a" + sequence + "b", shows: "ab|")
  }

  @Test(
    "no sequence that was begun keeps Ctrl-C and Enter from the user",
    arguments: ["\u{1B}", "\u{1B}[", "\u{1B}[1;", "\u{1B}O", "\u{1B}[[", "\u{1B}]", "\u{1B}]11;r"])
  func unfinished(sequence: String) {
    EditorVerifier().verify(
      "a" + sequence + "<enter>b" + sequence + "<C-c>", shows: "|", [.line("a"), .interrupt])
  }

  @Test("Enter submits the line")
  func submission() {
    let verifier = EditorVerifier()
    verifier.verify("one\rtwo\n", shows: "|", [.line("one"), .line("two")])
    verifier.verify("\r", shows: "|", [.line("")])
    verifier.verify("abc<left><enter>d", shows: "d|", [.line("abc")])
    verifier.verify("keypad\u{1B}OM", shows: "|", [.line("keypad")])
    verifier.verify("\t日本\r", shows: "|", [.line("\t日本")])
  }

  @Test("keys for the owner")
  func ownersKeys() {
    let verifier = EditorVerifier()
    verifier.verify("<C-d>", shows: "|", [.endOfInput])
    verifier.verify("a<backspace><C-d>", shows: "|", [.endOfInput])
    verifier.verify("abc<C-c>d", shows: "d|", [.interrupt])
    verifier.verify("abc<C-z>", shows: "abc|", [.suspend])
    verifier.verify("abc<C-l>", shows: "abc|", [.clearScreen])
  }

  @Test("redraw comes once the input is used up, and only after keys")
  func redraw() {
    var editor = EditorVerifier().makeEditor()
    func actions(_ text: String) -> [LineEditor.Action] {
      let bytes = typed(text)
      var offset = 0
      var actions: [LineEditor.Action] = []
      while let action = editor.next(bytes.span, from: &offset) { actions.append(action) }
      return actions
    }
    #expect(actions("") == [])
    #expect(actions("abc") == [.redraw])
    #expect(actions("\u{1B}[") == [])
    #expect(actions("D") == [.redraw])
    #expect(actions("\u{1B}[15~") == [])
    #expect(actions("one\rtwo") == [.line("abonec"), .redraw])
    #expect(actions("<C-l>") == [.clearScreen, .redraw])
    #expect(actions("") == [])
  }

  @Test("bytes that are not UTF-8 are refused, and the rest is kept")
  func invalid() {
    let verifier = EditorVerifier()
    func verify(_ bytes: [UInt8], bells: Int, shows expected: String = "ab|") {
      verifier.verify(
        Array("a".utf8) + bytes + Array("b".utf8), shows: expected,
        Array(repeating: .bell, count: bells))
    }
    verify([0xFF], bells: 1)
    verify([0x80], bells: 1)
    verify([0xC3], bells: 1)
    verify([0xC0, 0x80], bells: 2)
    verify([0xE0, 0x80, 0x80], bells: 1)
    verify([0xED, 0xA0, 0x80], bells: 1)
    verify([0xF4, 0x90, 0x80, 0x80], bells: 1)
    verify([0xF0, 0x9F, 0x98], bells: 1)
    verify([0xE2, 0xC3, 0xA9], bells: 1, shows: "aéb|")
    // A C1 control is valid, but no text.
    verify([0xC2, 0x9B], bells: 0)
    verifier.verify([0xC3, 0x03], shows: "|", [.bell, .interrupt])
  }
}

@Suite("Grapheme clusters", .timeLimit(.minutes(5)))
struct ClusterTests {
  @Test(
    "a cluster is one character to every key",
    arguments: [
      "é", "e\u{301}", "日", "한", "\u{1112}\u{1161}\u{11AB}", "😀", "👍🏽", "👩‍🚀", "👨‍👩‍👧‍👦", "🇩🇪", "❤️", "1️⃣",
      "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u{300}\u{301}\u{302}\u{303}",
    ])
  func clusters(cluster: String) {
    let verifier = EditorVerifier()
    verifier.verify("a" + cluster, shows: "a\(cluster)|")
    verifier.verify(cluster + "<backspace>", shows: "|")
    verifier.verify(cluster + "<left><delete>", shows: "|")
    verifier.verify("a" + cluster + "<left>b", shows: "ab|\(cluster)")
    verifier.verify("x" + cluster + "<C-t>", shows: "\(cluster)x|")
    verifier.verify(cluster + "<enter>", shows: "|", [.line(cluster)])
  }

  @Test("what an edit brings together may be one cluster")
  func joined() {
    let verifier = EditorVerifier()
    verifier.verify("🇩x🇪<left><backspace>|", shows: "🇩🇪||")
    verifier.verify("\u{301}<left>e<left>x", shows: "x|e\u{301}")
    verifier.verify("👩\u{200D}x🚀<left><backspace><backspace>", shows: "|")
  }

  @Test("a cluster is bounded, so that marks without end are refused")
  func bounded() {
    let marks = String(repeating: "\u{301}", count: 200)
    var editor = EditorVerifier(lineBytesMax: 10_000).makeEditor()
    let bells = feed("e" + marks + "x", to: &editor)
    #expect(bells == Array(repeating: .bell, count: 137))
    #expect(
      editor.text == "e"
        + marks.unicodeScalars.prefix(63).reduce(into: "") { $0.unicodeScalars.append($1) } + "x")
  }
}

@Suite("The bound of a line", .timeLimit(.minutes(5)))
struct LineBoundTests {
  @Test("input beyond it is refused with a bell")
  func refused() {
    let verifier = EditorVerifier(lineBytesMax: 4)
    verifier.verify("abcd", shows: "abcd|")
    verifier.verify("abcde", shows: "abcd|", [.bell])
    verifier.verify("abcéd", shows: "abcd|", [.bell])
    verifier.verify("abcde<backspace>f", shows: "abcf|", [.bell])
    verifier.verify("abcd<left>x<enter>", shows: "|", [.bell, .line("abcd")])
    verifier.verify("abcd<C-w>日x😀", shows: "日x|", [.bell])
    EditorVerifier(lineBytesMax: 0).verify("a<enter>", shows: "|", [.bell, .line("")])
  }

  @Test("what is deleted makes room again")
  func room() {
    for keys in [
      "<C-u>", "<C-w>", "<C-a><C-k>", "<C-c>", "<enter>",
      "<home><delete><delete><delete>", "<home><M-d>", "<M-backspace>",
    ] {
      var editor = EditorVerifier(lineBytesMax: 4).makeEditor()
      _ = feed("éab" + keys, to: &editor)
      #expect(feed("日本", to: &editor) == [.bell])
      #expect(editor.text == "日")
      #expect(feed("x", to: &editor) == [])
    }
  }
}
