/// An option whose value is another than before.
package struct OptionChange: Sendable, Equatable {
  package let name: String
  /// Whether a running gateway can follow it without a restart.
  package let isLive: Bool
}

extension ConfigurationValues {
  /// What is different in `next`, in the order of the table. How a value was written, and where,
  /// makes no difference: `1MiB` and `1048576` are the same, and so is another file that sets them.
  package func changes(to next: ConfigurationValues) -> [OptionChange] {
    table.options.filter { $0.sources.contains(.file) }.compactMap { option in
      let before = setting(of: option).texts
      let after = next.setting(of: option).texts
      if before == after { return nil }
      let isLive =
        switch option.change {
        case .live: true
        case .liveWhileSet: before.isEmpty == after.isEmpty
        case .restart: false
        }
      return OptionChange(name: option.name, isLive: isLive)
    }
  }
}
