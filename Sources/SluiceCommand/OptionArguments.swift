internal import ArgumentParser
internal import Configuration
internal import SystemIO
internal import Terminal

/// The arguments of a command whose options come from a table, with the world around them: the
/// environment, the files, the terminal.
struct OptionArguments: Sendable {
  private let arguments: [String]
  private let table: OptionTable

  init(_ arguments: [String], table: OptionTable) {
    self.arguments = arguments
    self.table = table
  }

  /// Prints the help or the version, where it is asked for, and ends the command.
  func answerQuestions(overview: String) throws {
    let options = arguments.prefix { $0 != "--" }
    if options.contains("--help") || options.contains("-h") {
      let help = HelpText(table, overview: overview, columns: Self.columns)
      StandardStream.output.print(help.text)
      throw ExitCode.success
    }
    if options.contains("--version") {
      StandardStream.output.print(Sluice.configuration.version)
      throw ExitCode.success
    }
  }

  /// The values in force, made into what the command needs. Mistakes are printed, and end it.
  func checked<Result>(
    _ make: (ConfigurationValues) throws(Mistakes) -> Result
  ) throws -> Result {
    do throws(Mistakes) {
      return try make(try load())
    } catch {
      printMistakes(error)
      throw ExitCode.validationFailure
    }
  }

  /// The values in force.
  func load() throws(Mistakes) -> ConfigurationValues {
    try table.load(
      arguments: arguments, environment: ProcessEnvironment.variables(),
      readFile: readConfigurationFile)
  }

  private static var columns: Int {
    ProcessEnvironment.variables()["COLUMNS"].flatMap { Int($0) }
      ?? TerminalSize(descriptor: StandardStream.output.rawValue).columns
  }
}

/// Reads a file that options name: of the configuration, or of a secret.
func readConfigurationFile(_ path: String) throws(FileProblem) -> [UInt8] {
  let bytesMax = 1 << 20
  do throws(SystemError) {
    if let bytes = try SmallFile.read(path, bytesMax: bytesMax) { return bytes }
  } catch {
    throw FileProblem(error.reason)
  }
  throw FileProblem("it is larger than \(ByteSize(bytesMax)); is it the right file?")
}

/// A line for each.
func printMistakes(_ mistakes: Mistakes) {
  for mistake in mistakes.list { printError("\(mistake)") }
}

/// Messages for people go to standard error, which nobody parses.
func printError(_ message: String) {
  StandardStream.error.print("sluice: \(message)")
}
