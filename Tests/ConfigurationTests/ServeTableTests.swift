import Testing

@testable import Configuration
@testable import SluiceCommand

/// Every option of the product, through every source.
@Suite("The options of sluice serve")
struct ServeTableTests {
  /// For each option three different values for the file, the environment and the flags, in the
  /// form in which they are shown. Values of lists are separated by a comma.
  static let samples: [String: [String]] = [
    "listen": ["127.0.0.1:1,unix:/run/a", "127.0.0.2:2", "plain:127.0.0.1:3,[::1]:4"],
    "event-loop": ["epoll", "auto", "epoll"],
    "workers": ["1", "2", "256"],
    "admin-socket": ["/run/a", "/run/b", "/run/c"],
    "admin-listen": ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3"],
    "tls-certificate": ["a.pem,b.pem", "c.pem", "d.pem"],
    "tls-key": ["a.key", "b.key,c.key", "d.key"],
    "tls-min-version": ["1.3", "1.2", "1.3"],
    "tls-client-ca": ["a.pem", "b.pem", "c.pem"],
    "tls-require-client-certificate": ["true", "false", "true"],
    "trusted-proxy": ["10.0.0.0/8", "unix,fd00::/8", "10.1.2.3/32"],
    "forwarded-field": ["forwarded", "either", "x-forwarded-for"],
    "proxy-protocol": ["true", "false", "true"],
    "origin": ["https://a.example,http://localhost:3000", "*", "https://b.example"],
    "subprotocol": ["chat.v1,chat.v2", "chat.v3", "chat.v4"],
    "max-message-size": ["1KiB", "2KiB", "3"],
    "max-fragments": ["1", "2", "3"],
    "max-messages-per-second": ["1", "2", "0"],
    "max-control-frames-per-second": ["1", "0", "3"],
    "send-queue-limit": ["1GiB", "2KiB", "3"],
    "memory-budget": ["1MiB", "2GiB", "1024GiB"],
    "max-connections": ["1", "2", "3"],
    "max-connections-per-address": ["1", "2", "3"],
    "max-handshakes-per-address": ["1", "2", "3"],
    "max-head-size": ["256", "512", "1MiB"],
    "max-header-fields": ["1", "2", "3"],
    "handshake-timeout": ["1s", "1500ms", "86400s"],
    "keep-alive-timeout": ["1s", "2s", "1ms"],
    "ping-interval": ["1s", "0s", "3s"],
    "pong-timeout": ["1s", "2s", "3s"],
    "close-timeout": ["1s", "2s", "3s"],
    "drain-window": ["1s", "0s", "3s"],
    "drain-deadline": ["1s", "2s", "3s"],
    "pre-drain-delay": ["1s", "0s", "3s"],
    "log-level": ["trace", "error", "debug"],
    "log-format": ["json", "text", "logfmt"],
    "config": ["", "", ""],
  ]

  private static let table = ServeOptions.table
  static let options = table.options.filter { $0.name != "config" }

  @Test("the samples are of all options")
  func complete() {
    #expect(Set(Self.samples.keys) == Set(Self.table.options.map(\.name)))
    #expect(Set(Self.table.options.map(\.name)).count == Self.table.options.count)
  }

  @Test("sources and their precedence", arguments: options.map(\.name))
  func precedence(name: String) throws {
    let option = try #require(Self.options.first { $0.name == name })
    let samples = try #require(Self.samples[name]).map { sample in
      option.arity == .list ? sample.split(separator: ",").map(String.init) : [sample]
    }
    let file = "\n\(name) = \(Self.literal(samples[0], option))\n"
    let environment = [Self.table.variable(of: name): samples[1].joined(separator: ",")]
    let flags = option.arity == .flag ? ["--\(name)"] : samples[2].flatMap { ["--\(name)", $0] }
    let joinedFlags = samples[2].map { "--\(name)=\($0)" }

    func setting(
      _ arguments: [String], _ environment: [String: String], _ file: String?
    ) throws -> Setting {
      try load(Self.table, arguments, environment: environment, file: file).setting(of: option)
    }
    func expect(_ setting: Setting, _ texts: [String], from place: Place) {
      #expect(setting.texts == texts)
      #expect(setting.place == place)
    }
    let filePlace = Place.position(file: "sluice.toml", line: 2, column: name.count + 4)
    let variable = Place.variable(Self.table.variable(of: name))
    let flag = Place.flag("--\(name)")
    expect(try setting([], [:], nil), option.defaultTexts, from: .table)
    expect(try setting([], [:], file), samples[0], from: filePlace)
    expect(try setting([], environment, nil), samples[1], from: variable)
    expect(try setting(flags, [:], nil), samples[2], from: flag)
    expect(try setting(joinedFlags, [:], nil), samples[2], from: flag)
    expect(try setting([], environment, file), samples[1], from: variable)
    expect(try setting(flags, [:], file), samples[2], from: flag)
    expect(try setting(flags, environment, file), samples[2], from: flag)
  }

  @Test(
    "a default is a good value, and so is the example in messages", arguments: options.map(\.name))
  func defaults(name: String) throws {
    let option = try #require(Self.options.first { $0.name == name })
    for text in option.defaultTexts { #expect(try option.canonical(text) == text) }
    _ = try option.canonical(option.syntax.example)
    #expect(messages(Self.table, file: "\(name) = \(option.fileExample)") == [])
  }

  @Test("the form that is kept reads back as itself", arguments: options.map(\.name))
  func canonical(name: String) throws {
    let option = try #require(Self.options.first { $0.name == name })
    let texts = [
      "0", "007", "1.4ms", "0.4ms", "1440m", "1024k", "0x5", "localhost:0", "plain:plain:[::]:0",
      "plain:unix:/a,b", "unix: ", "[::ffff:1.2.3.4]:080", "[0:0::0]:65535", "::ffff:10.0.0.0/104",
      "::/0", "0.0.0.0/0", "10.1.2.3", "FD00::/8", "unix", "HTTPS://A.Example:443", "*",
      "a\"\\\u{7F}",
    ]
    for text in texts {
      guard let kept = try? option.canonical(text) else { continue }
      #expect(try option.canonical(kept) == kept)
    }
  }

  @Test("what is printed is a file that sets the same", arguments: [0, 2])
  func printed(sample: Int) throws {
    let arguments = Self.options.flatMap { option in
      let text = Self.samples[option.name]?[sample] ?? ""
      let texts = option.arity == .list ? text.split(separator: ",").map(String.init) : [text]
      return texts.map { "--\(option.name)=\($0)" }
    }
    let given = try load(Self.table, arguments)
    #expect(given.changes(to: try load(Self.table, file: given.printedTOML)) == [])
    let defaults = try load(Self.table)
    #expect(defaults.changes(to: try load(Self.table, file: defaults.printedTOML)) == [])
    #expect(Set(defaults.changes(to: given).map(\.name)).isSuperset(of: ["listen", "tls-key"]))
  }

  @Test("every option has a help that fits its line", arguments: [10, 79, 80, 100, 1000])
  func help(columns: Int) {
    let text = HelpText(Self.table, overview: "A test.\n\n  kept  as it is", columns: columns).text
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for option in Self.table.options { #expect(text.contains("\n  --\(option.name)")) }
    #expect(text.contains("\n  kept  as it is\n"))
    #expect(lines.allSatisfy { $0.count <= max(columns, 60) && $0.last != " " })
  }

  /// As it stands in a file.
  static func literal(_ texts: [String], _ option: OptionDescription) -> String {
    let isString = option.syntax.fileForms.contains(.string)
    let values = texts.map { isString ? "\"\($0)\"" : $0 }
    return option.arity == .list ? "[\(values.joined(separator: ", "))]" : values.joined()
  }
}
