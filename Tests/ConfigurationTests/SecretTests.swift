import Testing

@testable import Configuration

@Suite("Secrets")
struct SecretTests {
  private let files: [String: [UInt8]] = [
    "token": Array("s3cret\n".utf8), "keys": Array("1\r\n\n2\n3".utf8), "empty": Array("\n".utf8),
    "long": Array("a\nb\n".utf8), "noise": [0xFF], "bad": Array("hush".utf8),
  ]

  @Test("from a file, in every source")
  func fromFiles() throws {
    for (arguments, environment, file) in [
      (["--token-file", "token", "--api-key-file=keys"], [:], nil),
      ([], ["SAMPLE_TOKEN_FILE": "token", "SAMPLE_API_KEY_FILE": "keys"], nil),
      ([], [:], "token-file = 'token'\napi-key-file = 'keys'\n"),
    ] as [([String], [String: String], String?)] {
      let values = try load(
        Sample.table, arguments, environment: environment, file: file, files: files)
      #expect(values[Sample.token] == "s3cret")
      #expect(values[Sample.keys] == [1, 2, 3].map(ByteSize.init))
    }
  }

  @Test("a source goes before another, however the secret is given")
  func precedence() throws {
    let environment = ["SAMPLE_TOKEN": "from the environment"]
    let flagged = try load(
      Sample.table, ["--token-file=token"], environment: environment, files: files)
    #expect(flagged[Sample.token] == "s3cret")
    #expect(flagged.place(of: Sample.token) == .flag("--token-file"))
    let plain = try load(
      Sample.table, environment: environment, file: "token-file = 'token'", files: files)
    #expect(plain[Sample.token] == "from the environment")
  }

  @Test(
    "mistakes, in which no secret is shown",
    arguments: [
      (
        ["--token=a", "--token-file=token"], nil,
        "--token-file: --token gives the same option; give one of them"
      ),
      (["--token-file=none"], nil, "--token-file: cannot read 'none': No such file or directory"),
      (["--token-file=empty"], nil, "--token-file: 'empty' is empty; the secret is one line"),
      (["--api-key-file=empty"], nil, "--api-key-file: 'empty' is empty; the secret is one line"),
      (
        ["--token-file=long"], nil, "--token-file: 'long' has several lines; the secret is one line"
      ),
      (["--token-file=noise"], nil, "--token-file: cannot read 'noise': it is not UTF-8"),
      (["--token-file"], nil, "--token-file: its value is missing; write --token-file <file>"),
      (
        ["--token-file=token", "--token-file=long"], nil,
        "--token-file: is given twice; give it once"
      ),
      (
        ["--api-key=hush"], nil,
        "--api-key: the value is not a size; sizes are bytes, or have a unit, as in 64KiB or 1MiB"
      ),
      (
        ["--api-key-file=bad"], nil,
        "--api-key-file: the value is not a size; sizes are bytes, or have a unit, as in 64KiB or 1MiB"
      ),
      (
        [], "token = hush",
        "sluice.toml:1:9: this is not a value; text stands in quotes, as in token = \"…\""
      ),
      (
        [], "token = \"hush\" hush",
        "sluice.toml:1:16: more follows on the same line; write each key on a line of its own"
      ),
      (
        [], "token = 'a'\ntoken-file = 'token'",
        "sluice.toml:2:14: sluice.toml:1:9 gives the same option; give one of them"
      ),
      (
        [], "token-file = 5",
        "sluice.toml:1:14: a whole number where a string is wanted; as in token-file = \"secret.txt\""
      ),
      (
        [], "token-file = 'none'", "sluice.toml:1:14: cannot read 'none': No such file or directory"
      ),
    ] as [([String], String?, String)])
  func mistakes(arguments: [String], file: String?, message: String) {
    #expect(messages(Sample.table, arguments, file: file, files: files) == [message])
  }

  @Test("in variables")
  func variables() {
    let environment = ["SAMPLE_TOKEN": "a", "SAMPLE_TOKEN_FILE": "token"]
    #expect(
      messages(Sample.table, environment: environment, files: files) == [
        "SAMPLE_TOKEN_FILE: SAMPLE_TOKEN gives the same option; give one of them"
      ])
  }

  @Test("are not printed")
  func printed() throws {
    let values = try load(Sample.table, ["--token=hush", "--api-key=7"])
    #expect(values.printedTOML.contains("# token is set, and secret  # --token"))
    #expect(values.printedTOML.contains("# api-key is set, and secret  # --api-key"))
    #expect(
      values.printedJSON.contains(
        #""token": {"secret": true, "set": true, "source": "flag", "place": "--token", "live": true}"#
      ))
    for text in [values.printedTOML, values.printedJSON] {
      #expect(!text.contains("hush") && !text.contains("7"))
    }
    let unset = try load(Sample.table)
    #expect(unset.printedTOML.contains("# token is unset  # default: none"))
    #expect(unset.printedJSON.contains(#""secret": true, "set": false"#))
  }
}
