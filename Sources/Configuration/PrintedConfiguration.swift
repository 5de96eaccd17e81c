extension ConfigurationValues {
  /// A configuration file that sets what is in force, with the origin of each value. Secrets are
  /// not in it, and what is unset is a comment.
  package var printedTOML: String {
    var lines: [String] = []
    for group in table.groups {
      let options = group.options.filter { $0.sources.contains(.file) }
      if options.isEmpty { continue }
      if !lines.isEmpty { lines.append("") }
      lines.append("# \(group.title)")
      for option in options {
        let setting = setting(of: option)
        let isUnset = setting.place == .table && setting.texts.isEmpty
        let meaning = isUnset ? ": \(option.unsetMeaning)" : ""
        lines.append("\(line(option, setting))  # \(setting.place)\(meaning)")
      }
    }
    return lines.joined(separator: "\n")
  }

  private func line(_ option: OptionDescription, _ setting: Setting) -> String {
    if setting.texts.isEmpty && option.arity != .list { return "# \(option.name) is unset" }
    if option.isSecret && !setting.texts.isEmpty { return "# \(option.name) is set, and secret" }
    return "\(option.name) = \(literal(option, setting))"
  }

  /// A configuration file with all that is not the default, secrets included: for other
  /// processes of the same program.
  package var handedOnTOML: String {
    table.options.filter { $0.sources.contains(.file) }.compactMap { option in
      let setting = setting(of: option)
      if setting.place == .table || setting.texts.isEmpty && option.arity != .list { return nil }
      return "\(option.name) = \(literal(option, setting))"
    }.joined(separator: "\n")
  }

  /// One object, in which each option has its value, its origin and what kind that is.
  package var printedJSON: String {
    let members = table.options.filter { $0.sources.contains(.environment) }.map { option in
      let setting = setting(of: option)
      var fields: [String] = []
      if option.isSecret {
        fields.append("\"secret\": true")
        fields.append("\"set\": \(!setting.texts.isEmpty)")
      } else {
        let isUnset = setting.texts.isEmpty && option.arity != .list
        fields.append("\"value\": \(isUnset ? "null" : literal(option, setting))")
      }
      fields.append("\"source\": \(jsonString(setting.place.kind))")
      if setting.place != .table { fields.append("\"place\": \(jsonString("\(setting.place)"))") }
      fields.append("\"live\": \(option.change != .restart)")
      return "  \(jsonString(option.name)): {\(fields.joined(separator: ", "))}"
    }
    return "{\n\(members.joined(separator: ",\n"))\n}"
  }

  /// The same in TOML and JSON.
  private func literal(_ option: OptionDescription, _ setting: Setting) -> String {
    let isString = option.syntax.fileForms.contains(.string)
    let values = setting.texts.map { isString ? jsonString($0) : $0 }
    return option.arity == .list ? "[\(values.joined(separator: ", "))]" : values.joined()
  }
}

extension Place {
  fileprivate var kind: String {
    switch self {
    case .table: "default"
    case .position: "file"
    case .variable: "environment"
    case .flag: "flag"
    }
  }
}

/// A JSON string (RFC 8259 §7), which is a basic string of TOML too.
private func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": result += "\\\(scalar)"
    case "\u{0}"..<" ", "\u{7F}":
      let digits = String(scalar.value, radix: 16, uppercase: true)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
