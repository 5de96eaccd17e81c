import Testing

@testable import Configuration

@Suite("Options in environment variables")
struct EnvironmentTests {
  @Test("values, lists with commas, and variables of others")
  func values() throws {
    let values = try load(
      Sample.table,
      environment: [
        "SAMPLE_BUFFER_SIZE": "64KiB", "SAMPLE_NAME": "anna, ben ,c d", "SAMPLE_LOUD": "true",
        "SAMPLE_COLOUR": "", "PATH": "/bin", "SAMPLER_X": "1", "sample_x": "1",
      ])
    #expect(values[Sample.size] == ByteSize(65_536))
    #expect(values.place(of: Sample.size) == .variable("SAMPLE_BUFFER_SIZE"))
    #expect(values[Sample.names] == ["anna", "ben", "c d"])
    #expect(values[Sample.loud])
    #expect(values.place(of: Sample.colour) == .table)
  }

  @Test("the file can be named there; the flag goes before it")
  func file() throws {
    let files = ["a.toml": Array("max-things = 1".utf8), "b.toml": Array("max-things = 2".utf8)]
    let environment = ["SAMPLE_CONFIG": "a.toml"]
    let byVariable = try load(Sample.table, environment: environment, files: files)
    #expect(byVariable[Sample.count] == 1)
    #expect(
      byVariable.place(of: Sample.count) == .position(file: "a.toml", line: 1, column: 14))
    let byFlag = try load(
      Sample.table, ["--config", "b.toml"], environment: environment, files: files)
    #expect(byFlag[Sample.count] == 2)
    #expect(
      messages(Sample.table, environment: ["SAMPLE_CONFIG": "c.toml"]) == [
        "SAMPLE_CONFIG: cannot read 'c.toml': No such file or directory"
      ])
  }

  @Test(
    "mistakes",
    arguments: [
      ("SAMPLE_COLOR", "red", "SAMPLE_COLOR: unknown variable; did you mean SAMPLE_COLOUR?"),
      ("SAMPLE_colour", "red", "SAMPLE_colour: unknown variable; did you mean SAMPLE_COLOUR?"),
      (
        "SAMPLE_MAX-THINGS", "1",
        "SAMPLE_MAX-THINGS: unknown variable; did you mean SAMPLE_MAX_THINGS?"
      ),
      (
        "SAMPLE_", "1",
        "SAMPLE_: unknown variable; unset it; 'sample run --help' lists the options"
      ),
      (
        "SAMPLE_HAVE_A_NICE_DAY", "",
        "SAMPLE_HAVE_A_NICE_DAY: unknown variable; unset it; 'sample run --help' lists the options"
      ),
      (
        "SAMPLE_MAX_THINGS", "ten",
        "SAMPLE_MAX_THINGS: 'ten' is not a whole number; it can be 1 to 100"
      ),
      (
        "SAMPLE_MAX_THINGS", " 5",
        "SAMPLE_MAX_THINGS: ' 5' is not a whole number; it can be 1 to 100"
      ),
      ("SAMPLE_NAME", "a,,b", "SAMPLE_NAME: '' is empty; as in anna"),
      (
        "SAMPLE_LOUD", "yes",
        "SAMPLE_LOUD: 'yes' is neither true nor false; it can be true or false"
      ),
    ])
  func mistakes(variable: String, value: String, message: String) {
    #expect(messages(Sample.table, environment: [variable: value]) == [message])
  }

  @Test("what Kubernetes and container links set for a service of our name is not ours")
  func services() {
    let others = [
      "SAMPLE_SERVICE_HOST": "10.0.0.1", "SAMPLE_SERVICE_PORT": "80",
      "SAMPLE_SERVICE_PORT_HTTP": "80", "SAMPLE_PORT": "tcp://10.0.0.1:80",
      "SAMPLE_PORT_80_TCP": "tcp://10.0.0.1:80", "SAMPLE_PORT_80_TCP_PROTO": "tcp",
      "SAMPLE_PORT_80_TCP_PORT": "80", "SAMPLE_PORT_80_TCP_ADDR": "10.0.0.1",
      "SAMPLE_ADMIN_SERVICE_HOST": "10.0.0.1", "SAMPLE_ADMIN_PORT_90_UDP": "udp://10.0.0.1:90",
    ]
    #expect(messages(Sample.table, environment: others) == [])
    for variable in ["SAMPLE_PORT", "SAMPLE_PORT_80", "SAMPLE_PORT_X_TCP", "SAMPLE_SERVICE"] {
      #expect(messages(Sample.table, environment: [variable: "80"]).count == 1)
    }
  }
}
