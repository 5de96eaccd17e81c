import Testing

@testable import Configuration

@Suite("Options in a file")
struct FileTests {
  @Test("every kind of value")
  func values() throws {
    let values = try load(
      Sample.table,
      file: """
        # what follows is good
        buffer-size = 65536          # bytes
        wait-time = "250ms"
        max-things = 1_0
        "max-extras" = 0x5
        colour = 'blue'
        name = [ "anna", # a comment
          '''ben''',
        ]
        loud = true
        """)
    #expect(values[Sample.size] == ByteSize(65_536))
    #expect(values[Sample.time] == TimeSpan(milliseconds: 250))
    #expect(values[Sample.count] == 10)
    #expect(values[Sample.optional] == 5)
    #expect(values[Sample.colour] == .blue)
    #expect(values[Sample.names] == ["anna", "ben"])
    #expect(values[Sample.loud])
    #expect(values.place(of: Sample.names) == .position(file: "sluice.toml", line: 7, column: 8))
  }

  @Test("an empty list replaces nothing behind it but the default")
  func emptyList() throws {
    let file = "name = []"
    #expect(try load(Sample.table, file: file)[Sample.names] == [])
    let named = try load(Sample.table, environment: ["SAMPLE_NAME": "anna"], file: file)
    #expect(named[Sample.names] == ["anna"])
  }

  @Test("mistakes", arguments: wrongValues + wrongSyntax)
  func mistakes(file: String, message: String) {
    #expect(messages(Sample.table, file: file) == ["sluice.toml:" + message])
  }

  @Test("all mistakes are told, up to the first that is not TOML")
  func several() {
    #expect(
      messages(Sample.table, file: "loud = 5\nx = 1\nname = [1, 2]\ncolour red\nloud = 6") == [
        "sluice.toml:1:8: a whole number where true or false is wanted; as in loud = true",
        "sluice.toml:2:1: unknown key 'x'; keys are the flags of 'sample run --help' without "
          + "their dashes",
        "sluice.toml:3:9: a whole number where a string is wanted; as in name = [\"anna\"]",
        "sluice.toml:3:12: a whole number where a string is wanted; as in name = [\"anna\"]",
        "sluice.toml:4:8: '=' is missing after the key; as in name = value",
      ])
    let noise = (0..<5000).map { "key\($0) = 1\n" }.joined()
    #expect(messages(Sample.table, file: noise).count == 100)
  }

  @Test("bytes that are not UTF-8")
  func encoding() {
    let latin1: [UInt8] = Array("# ok ä\nname = [\"Ren".utf8) + [0xE9] + Array("\"]".utf8)
    #expect(
      messages(Sample.table, ["--config=a.toml"], files: ["a.toml": latin1]) == [
        "a.toml:2:13: this is not UTF-8; save the file as UTF-8"
      ])
    let marked: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("loud = 1".utf8)
    #expect(
      messages(Sample.table, ["--config=a.toml"], files: ["a.toml": marked]) == [
        "a.toml:1:8: a whole number where true or false is wanted; as in loud = true"
      ])
  }
}

/// Files with one mistake, which is TOML, and what is said about it.
private let wrongValues: [(String, String)] = [
  ("max-thigns = 1", "1:1: unknown key 'max-thigns'; did you mean 'max-things'?"),
  ("\n\n  maxThings = 1", "3:3: unknown key 'maxThings'; did you mean 'max-things'?"),
  ("max.things = 1", "1:1: unknown key 'max.things'; did you mean 'max-things'?"),
  (
    "unheard-of = 1",
    "1:1: unknown key 'unheard-of'; keys are the flags of 'sample run --help' without their "
      + "dashes"
  ),
  ("config = 'x'", "1:1: 'config' cannot be set in the file; use --config"),
  (
    "loud = true\n[things]\nmax-things = 1000",
    "2:2: there is no table 'things'; all options stand at the top, without [things], and "
      + "have the names of the flags"
  ),
  (
    "[[a.b]]",
    "1:3: there is no table 'a.b'; all options stand at the top, without [a.b], and have the "
      + "names of the flags"
  ),
  ("loud = true\nloud = true", "2:1: 'loud' is set already in line 1; set it once"),
  ("max-things = 0", "1:14: '0' is out of range; it can be 1 to 100"),
  ("max-things = -5", "1:14: '-5' is not a whole number; it can be 1 to 100"),
  (
    "max-things = \"5\"",
    "1:14: a string where a whole number is wanted; as in max-things = 100"
  ),
  (
    "max-things = 1.5",
    "1:14: a number with a fraction where a whole number is wanted; as in max-things = 100"
  ),
  (
    "wait-time = 25",
    "1:13: a whole number where a string is wanted; as in wait-time = \"1.5s\""
  ),
  (
    "wait-time = 1.5s",
    "1:13: '1.5s' is not a value; text stands in quotes, as in wait-time = \"1.5s\""
  ),
  (
    "wait-time = 07:32:00",
    "1:13: a date or a time where a string is wanted; as in wait-time = \"1.5s\""
  ),
  (
    "buffer-size = true",
    "1:15: true or false where a string or a whole number is wanted; as in buffer-size = "
      + "\"64KiB\""
  ),
  (
    "buffer-size = \"64kB\"",
    "1:15: '64kB' is not a size; sizes are bytes, or have a unit, as in 64KiB or 1MiB"
  ),
  ("loud = yes", "1:8: 'yes' is not a value; write true"),
  ("loud = Off", "1:8: 'Off' is not a value; write false"),
  ("name = [\"a\\u0000\"]", "1:9: 'a\\u{0}' has a zero byte in it; as in anna"),
  ("loud = 1s", "1:8: '1s' is not a value; as in loud = true"),
  ("max-things = many", "1:14: 'many' is not a value; as in max-things = 100"),
  (
    "name = [yes]",
    "1:9: 'yes' is not a value; text stands in quotes, as in name = [\"anna\"]"
  ),
  ("loud = 1", "1:8: a whole number where true or false is wanted; as in loud = true"),
  ("name = \"anna\"", "1:8: a string where an array is wanted; as in name = [\"anna\"]"),
  (
    "name = [\"anna\", 5]", "1:17: a whole number where a string is wanted; as in name = [\"anna\"]"
  ),
  ("name = [\"anna\", ['x']]", "1:17: an array where a string is wanted; as in name = [\"anna\"]"),
  ("name = {a = 1}", "1:8: a table where an array is wanted; as in name = [\"anna\"]"),
  ("name = [\"anna\",\n  \"\"]", "2:3: '' is empty; as in anna"),
  ("name = [\"ä\", \"\"]", "1:14: '' is empty; as in anna"),
  ("colour = \"pink\"", "1:10: 'pink' is not a colour that there is; it can be red, green or blue"),
]

/// Files that are not TOML.
private let wrongSyntax: [(String, String)] = [
  ("colour: red", "1:7: '=' is missing after the key; as in name = value"),
  ("colour = ", "1:10: a value is missing; as in name = 100, or name = \"text\""),
  ("colour = \"red", "1:10: the string has no end; close its quotes"),
  ("colour = \"red\nloud = true", "1:10: the string has no end; close its quotes"),
  ("colour = '''red", "1:10: the string has no end; close its quotes"),
  (
    "name = \"\\d\"",
    "1:9: this is no escape sequence; write \\\\ for a backslash, or put the text in single "
      + "quotes"
  ),
  (
    "name = [\"a\" \"b\"]",
    "1:13: ',' or ']' is missing; elements are separated by commas"
  ),
  ("\nname = [\"a\",", "2:8: the array has no ']'; add it"),
  ("name = {a = 1", "1:8: the table has no '}'; it stands on one line"),
  (
    "loud = true max-things = 1",
    "1:13: more follows on the same line; write each key on a line of its own"
  ),
  ("[things", "1:8: the table's ']' is missing; as in [name]"),
  (
    "é = 1",
    "1:1: a key is missing; keys are letters, digits, '-' and '_', or stand in "
      + "quotes"
  ),
  (
    "\"\"\"a\"\"\" = 1", "1:1: a key cannot have several lines; as in name = value"
  ),
  (
    "a.", "1:3: a key is missing; keys are letters, digits, '-' and '_', or stand in quotes"
  ),
  (
    "max-things = 99999999999999999999",
    "1:14: this number is too large; numbers have 64 bits"
  ),
  (
    "loud = true\rloud = true",
    "1:12: a carriage return without a line feed; end lines with LF or CRLF"
  ),
  ("colour = \"\u{7}\"", "1:11: a control character; remove it; is this a text file?"),
  ("# \u{0}", "1:3: a control character; remove it; is this a text file?"),
  (
    "name = " + String(repeating: "[", count: 100),
    "1:25: nested more than 16 deep; no option takes that"
  ),
]
