internal import ArgumentParser
internal import Configuration

// The units of the gateway's own options, for those of the other commands.

extension ByteSize: ExpressibleByArgument {
  package init?(argument: String) {
    self.init(parsing: argument)
  }

  package var defaultValueDescription: String { description }
}

extension TimeSpan: ExpressibleByArgument {
  package init?(argument: String) {
    self.init(parsing: argument)
  }

  package var defaultValueDescription: String { description }
}
