internal import Glibc

/// What the user's environment says about their terminal.
package struct TerminalEnvironment: Equatable, Sendable {
  /// The terminal understands no escape sequences (TERM is `dumb`, empty or not set): no editor,
  /// no line that is redrawn.
  package let isDumb: Bool
  /// The user wants no colours (NO_COLOR is set and not empty).
  package let isColorless: Bool

  package init(term: String?, noColor: String?) {
    isDumb = term == nil || term == "" || term == "dumb"
    isColorless = noColor != nil && noColor != ""
  }

  /// Of this process.
  package static func current() -> TerminalEnvironment {
    TerminalEnvironment(term: variable("TERM"), noColor: variable("NO_COLOR"))
  }

  private static func variable(_ name: String) -> String? {
    // SAFETY: the string is copied at once, and this process does not change its environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}

/// Whether the descriptor is a terminal's (isatty(3)).
package func isTerminal(_ descriptor: Int32) -> Bool {
  isatty(descriptor) == 1
}
