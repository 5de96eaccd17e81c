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
      return OptionChange(name: option.name, isLive: isLive(option, to: next))
    }
  }

  /// What is in force once a running gateway has followed `next` as far as it can: where that
  /// needs a restart, these values.
  package func following(_ next: ConfigurationValues) -> ConfigurationValues {
    var effective: [String: Setting] = [:]
    for option in table.options {
      let before = setting(of: option)
      let after = next.setting(of: option)
      effective[option.name] =
        before.texts == after.texts || isLive(option, to: next) ? after : before
    }
    return ConfigurationValues(table: table, effective: effective)
  }

  private func isLive(_ option: OptionDescription, to next: ConfigurationValues) -> Bool {
    switch option.change {
    case .live: true
    case .restart: false
    case .liveWhileSet(let name): isSet(name) == next.isSet(name)
    }
  }

  private func isSet(_ name: String) -> Bool {
    table.options.contains { $0.name == name && !setting(of: $0).texts.isEmpty }
  }
}
