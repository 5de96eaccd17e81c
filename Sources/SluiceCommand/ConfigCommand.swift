internal import ArgumentParser
internal import Configuration
internal import GatewayWorker
internal import SystemIO
internal import TLS

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check and show what 'sluice serve' is configured with.",
    subcommands: [Check.self, Print.self, Reference.self])
}

extension ConfigCommand {
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Find all mistakes in a configuration file.",
      discussion: """
        The file is checked as 'sluice serve --config FILE' does at its start, the certificates \
        that it names included, but without environment variables, and nothing is opened. Each \
        mistake is a line on standard error. The exit status is 0 without mistakes, 1 with any.
        """)

    @Argument(help: ArgumentHelp("A TOML file.", valueName: "file"))
    var file: String

    func run() throws {
      let contents: [UInt8]
      do throws(FileProblem) {
        contents = try readConfigurationFile(file)
      } catch {
        printError("cannot read \(quoted(file)): \(error.text)")
        throw ExitCode.failure
      }
      do throws(Mistakes) {
        let values = try ServeOptions.table.load(
          arguments: ["--\(ServeOptions.config.description.name)=\(file)"], environment: [:]
        ) { (path) throws(FileProblem) in
          path == file ? contents : try readConfigurationFile(path)
        }
        let serve = try ServeConfiguration(values, filesMax: OpenFileLimit.raise())
        for warning in try certificateWarnings(of: serve, values) {
          printError("warning: \(warning)")
        }
      } catch {
        printMistakes(error)
        throw ExitCode.failure
      }
      StandardStream.output.print("\(file): no mistakes")
    }
  }

  struct Print: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: abstract, usage: "",
      // For 'sluice help config print'.
      discussion: HelpText(table, overview: overview, columns: 79).text, helpNames: [])

    /// The options are those of `sluice serve`; the table reads them.
    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() throws {
      let options = OptionArguments(arguments, table: Self.table)
      try options.answerQuestions(overview: "\(Self.abstract)\n\n\(Self.overview)")
      let text = try options.checked { (values) throws(Mistakes) in
        _ = try ServeConfiguration(values, filesMax: OpenFileLimit.raise())
        return values[Self.json] ? values.printedJSON : values.printedTOML
      }
      StandardStream.output.print(text)
    }

    private static let json = ConfigOption(
      flag: "json", change: .restart, help: "Print one JSON object.", sources: .flags)

    private static let table = ServeOptions.table.extended(
      command: "sluice config print", title: "Output", by: [json.description])

    private static let abstract = "Show the configuration in force, and where each value is from."
    private static let overview = """
      The flags are those of 'sluice serve'. What is printed is a configuration file that sets the \
      same; secrets are left out.
      """
  }

  /// What `make docs` writes into the documentation.
  struct Reference: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print all options as Markdown tables.", shouldDisplay: false)

    func run() {
      StandardStream.output.print(ServeOptions.table.reference)
    }
  }
}

/// Reads the certificates as a worker does at its start, and all of them: an error does not hide
/// the next.
///
/// - Returns: What clients will not like about certificates that can be served.
private func certificateWarnings(
  of serve: ServeConfiguration, _ values: ConfigurationValues
) throws(Mistakes) -> [CertificateWarning] {
  guard let tls = serve.worker.tls else { return [] }
  var warnings: [CertificateWarning] = []
  var errors: [TLSConfigurationError] = []
  // Each certificate alone, and then all of it, for the client CA.
  for part in tls.certificates.map({ TLSConfiguration(certificates: [$0]) }) + [tls] {
    do throws(TLSConfigurationError) {
      let now = Int64(clamping: WallClock.unixSeconds())
      for warning in try TLSServerContext(part).warnings(atUnixSeconds: now)
      where !warnings.contains(warning) {
        warnings.append(warning)
      }
    } catch {
      if !errors.contains(error) { errors.append(error) }
    }
  }
  if errors.isEmpty { return warnings }
  throw Mistakes(
    errors.map { error in
      let place =
        switch error.role {
        case .certificate: values.place(of: ServeOptions.tlsCertificate)
        case .key: values.place(of: ServeOptions.tlsKey)
        case .authority, .trusted: values.place(of: ServeOptions.tlsClientCA)
        }
      return Mistake(
        place == .table ? values.place(of: ServeOptions.tlsCertificate) : place, "\(error)")
    })
}
