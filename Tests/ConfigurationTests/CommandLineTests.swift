@testable import Configuration
import Testing

@Suite("Options on the command line")
struct CommandLineTests {
  @Test("both ways to write a value, and lists that grow")
  func forms() throws {
    let values = try load(
      Sample.table,
      [
        "--buffer-size", "64KiB", "--wait-time=2m", "--name", "anna", "--loud", "--name=b=c",
        "--max-extras", "0", "--",
      ])
    #expect(values[Sample.size] == ByteSize(65_536))
    #expect(values[Sample.time] == TimeSpan(milliseconds: 120_000))
    #expect(values[Sample.names] == ["anna", "b=c"])
    #expect(values[Sample.loud])
    #expect(values[Sample.optional] == 0)
    #expect(values.place(of: Sample.size) == .flag("--buffer-size"))
    #expect(values[Sample.count] == 10)
    #expect(values.place(of: Sample.count) == .table)
  }

  @Test("a flag that is on can be set off")
  func off() throws {
    #expect(try !load(Sample.table, ["--loud=false"], file: "loud = true")[Sample.loud])
    #expect(try load(Sample.table, ["--loud=true"])[Sample.loud])
  }

  @Test(
    "mistakes",
    arguments: [
      (["--bufer-size", "1"], "--bufer-size: unknown flag; did you mean --buffer-size?"),
      (["--buffer_size=1"], "--buffer_size: unknown flag; did you mean --buffer-size?"),
      (["-loud"], "-loud: unknown flag; did you mean --loud?"),
      (["--buffer", "1"], "--buffer: unknown flag; did you mean --buffer-size?"),
      (["-x"], "-x: unknown flag; 'sample run --help' lists all"),
      (["--something-else"], "--something-else: unknown flag; 'sample run --help' lists all"),
      (["--buffer-size-file=x"], "--buffer-size-file: unknown flag; did you mean --buffer-size?"),
      (["--"] + ["x"], "x: unexpected argument; options begin with --"),
      (["x"], "x: unexpected argument; options begin with --"),
      (["--loud", "false"], "false: unexpected argument; write --loud=false"),
      (["--loud=no"], "--loud: 'no' is neither true nor false; it can be true or false"),
      (["--loud", "--loud"], "--loud: is given twice; give it once"),
      (["--max-things=1", "--max-things", "2"], "--max-things: is given twice; give it once"),
      (["--wait-time"], "--wait-time: its value is missing; write --wait-time <time>"),
      (["--wait-time", "--loud"], "--wait-time: its value is missing; write --wait-time <time>"),
      (
        ["--wait-time", "25"],
        "--wait-time: '25' is not a time; times have a unit, as in 500ms, 1.5s or 2m, and are 24h "
          + "at most"
      ),
      (["--wait-time", "0"], "--wait-time: '0' is out of range; it can be above 0, to 24h"),
      (
        ["--buffer-size", "-1"],
        "--buffer-size: '-1' is not a size; sizes are bytes, or have a unit, as in 64KiB or 1MiB"
      ),
      (["--buffer-size=2MiB"], "--buffer-size: '2MiB' is out of range; it can be 16 to 1MiB"),
      (["--max-things=0"], "--max-things: '0' is out of range; it can be 1 to 100"),
      (
        ["--max-things=99999999999999999999"],
        "--max-things: '99999999999999999999' is out of range; it can be 1 to 100"
      ),
      (["--max-things=1.5"], "--max-things: '1.5' is not a whole number; it can be 1 to 100"),
      (
        ["--colour", "rde"],
        "--colour: 'rde' is not a colour that there is; it can be red, green or blue"
      ),
      (["--name="], "--name: '' is empty; as in anna"),
      (
        ["--max-things", "\u{1B}[2J\n"],
        "--max-things: '\\u{1B}[2J\\u{A}' is not a whole number; it can be 1 to 100"
      ),
      (
        ["--colour", String(repeating: "x", count: 1000)],
        "--colour: '\(String(repeating: "x", count: 80))…' is not a colour that there is; it can "
          + "be red, green or blue"
      ),
      (["--config", "none.toml"], "--config: cannot read 'none.toml': No such file or directory"),
    ])
  func mistakes(arguments: [String], message: String) {
    #expect(messages(Sample.table, arguments) == [message])
  }

  @Test("all mistakes are told, in the order of the words")
  func several() {
    let told = messages(
      Sample.table,
      ["--max-things=0", "--nmae", "anna", "--colour=pink", "y", "--name", "--loud"],
      environment: ["SAMPLE_LOUD": "1"], file: "colur = 5\n")
    #expect(
      told == [
        "--max-things: '0' is out of range; it can be 1 to 100",
        "--nmae: unknown flag; did you mean --name?",
        "--colour: 'pink' is not a colour that there is; it can be red, green or blue",
        "y: unexpected argument; options begin with --",
        "--name: its value is missing; write --name <name>",
        "SAMPLE_LOUD: '1' is neither true nor false; it can be true or false",
        "sluice.toml:1:1: unknown key 'colur'; did you mean 'colour'?",
      ])
  }

  @Test(
    "the nearest name",
    arguments: [
      ("lsiten", "listen"), ("LISTEN", "listen"), ("maxFragments", "max-fragments"),
      ("tls.certificate", "tls-certificate"), ("certificate", "tls-certificate"),
      ("tls", nil), ("", nil), ("x", nil), (String(repeating: "listen", count: 20), nil),
      ("max", nil),
    ] as [(String, String?)])
  func nearest(wrong: String, name: String?) {
    let names = ["listen", "max-fragments", "max-connections", "tls-certificate", "tls-key"]
    #expect(nearestName(to: wrong, among: names) == name)
  }
}
