import Testing

@testable import Configuration

@Suite("TOML")
struct TOMLReaderTests {
  /// All statements of a document.
  private func read(_ bytes: [UInt8]) throws(TOMLError) -> [TOMLStatement] {
    var reader = try TOMLReader(bytes)
    var statements: [TOMLStatement] = []
    while let statement = try reader.next() { statements.append(statement) }
    return statements
  }

  /// The value of a document's only key.
  private func value(_ text: String) throws -> TOMLValue? {
    guard case .pair(_, let node)? = try read(Array("a = \(text)\n".utf8)).first else { return nil }
    return node.value
  }

  @Test(
    "strings",
    arguments: [
      (#""""#, ""), (#"''"#, ""), (#""a\tb\"\\\n\r\f\b""#, "a\tb\"\\\n\r\u{C}\u{8}"),
      (#""\u00e9\U0001F600""#, "é😀"), (#"'a\tb"'"#, #"a\tb""#), ("\"\"\"\nx\"\"\"", "x"),
      ("\"\"\"a\r\nb\"\"\"", "a\nb"), ("\"\"\"a \\\n   \n  b\"\"\"", "a b"),
      ("'''\n'a' ''b''''", "'a' ''b'"), ("\"\"\"\"\"a\"\"\"\"\"", "\"\"a\"\""),
      ("\"\"\"a\"b\\\"\"\"\"", "a\"b\""), ("\"\"\"\"\"\"", ""), ("'''a''b'''", "a''b"),
      ("\"#\" # comment", "#"),
    ])
  func strings(text: String, content: String) throws {
    #expect(try value(text) == .string(content))
  }

  @Test(
    "integers",
    arguments: [
      ("0", 0), ("+0", 0), ("-0", 0), ("42", 42), ("+1_000", 1_000), ("-17", -17),
      ("0xDEAD_beef", 0xDEAD_BEEF), ("0o17", 15), ("0b1_01", 5), ("0x00", 0),
      ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ] as [(String, Int64)])
  func integers(text: String, number: Int64) throws {
    #expect(try value(text) == .integer(number))
  }

  @Test("numbers with fractions and dates are told apart, but not read")
  func others() throws {
    for text in ["1.5", "-0.0", "1e3", "+1.5E-10", "6_0.2_2", "inf", "-inf", "nan", "0e0"] {
      #expect(try value(text) == .float(text))
    }
    for text in [
      "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.5", "1979-05-27", "07:32:00",
      "1979-05-27T00:32:00-07:00",
    ] {
      #expect(try value(text) == .date(text))
    }
    #expect(try value("true") == .boolean(true))
    #expect(try value("false") == .boolean(false))
    #expect(try value("{ a = 1, b.c = [ {} ] }") == .inlineTable)
  }

  @Test(
    "words that are no values",
    arguments: [
      "foo", "True", "01", "-01", "1__0", "_1", "1_", "0x", "0xg", "+0x1", "1.", ".5", "1.e3", "1e",
      "1e1e1", "01.5", "64KiB", "10s", "127.0.0.1", "--1", "+", "infinity", "0X1", "1.2.3",
    ])
  func words(text: String) throws {
    #expect(try value(text) == .bareWord(text))
  }

  @Test("keys and tables, with their places")
  func keys() throws {
    let statements = try read(
      Array("a-b_1 = 1\r\n\t'x y' . \"z\\n\".0 = 2 # c\n[ t . 'u' ]\n[[v]]".utf8))
    #expect(
      statements == [
        .pair(
          TOMLKey(parts: ["a-b_1"], position: TOMLPosition(line: 1, column: 1)),
          TOMLNode(value: .integer(1), position: TOMLPosition(line: 1, column: 9))),
        .pair(
          TOMLKey(parts: ["x y", "z\n", "0"], position: TOMLPosition(line: 2, column: 2)),
          TOMLNode(value: .integer(2), position: TOMLPosition(line: 2, column: 20))),
        .table(TOMLKey(parts: ["t", "u"], position: TOMLPosition(line: 3, column: 3))),
        .table(TOMLKey(parts: ["v"], position: TOMLPosition(line: 4, column: 3))),
      ])
    #expect(try read([]) == [])
    #expect(try read(Array(" \n# only\n\t".utf8)) == [])
  }

  @Test("columns count characters, and go on after a string of several lines")
  func columns() throws {
    let statements = try read(Array("a = [ \"é😀\", '''\nñ''', 7 ]".utf8))
    guard case .pair(_, let node)? = statements.first, case .array(let elements) = node.value
    else { return #expect(Bool(false), "not an array") }
    #expect(
      elements.map(\.position) == [
        TOMLPosition(line: 1, column: 7), TOMLPosition(line: 1, column: 13),
        TOMLPosition(line: 2, column: 7),
      ])
  }

  @Test("no bytes trap", arguments: 0..<8)
  func noise(seed: Int) throws {
    var random = Generator(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    let pieces: [String] = [
      "a", "max-things", "name", "token-file", "=", " = ", "\"", "'", "\"\"\"", "'''", "[", "]",
      "{",
      "}", ".", ",", "#", "\n", "\r\n", "\r", " ", "\t", "\\", "\\u00e9", "\\U0011FFFF", "\\n", "_",
      "0", "1", "-", "+", "e", "0x", "1979-05-27", "true", "inf", "é", "\u{FEFF}", "\u{0}",
      "\u{7F}",
      "max-things = 5\n", "name = [\"a\"]\n", "\"64KiB\"", "[table]\n",
    ]
    for _ in 0..<2_000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...40, using: &random) {
        if Int.random(in: 0..<12, using: &random) == 0 {
          bytes.append(UInt8.random(in: .min ... .max, using: &random))
        } else {
          bytes += Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8)
        }
      }
      let found = messages(Sample.table, ["--config=a.toml"], files: ["a.toml": bytes])
      #expect(found.allSatisfy { $0.hasPrefix("a.toml:") })
    }
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    /// SplitMix64.
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }
}
