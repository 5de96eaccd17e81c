/// What one source says about one option.
struct Setting: Sendable {
  /// Checked, in the form that is compared and shown. None is an empty list.
  var texts: [String] = []
  let place: Place
}

/// What one source says, and what is wrong in it.
struct SourceSettings: Sendable {
  /// Without the values that are mistakes.
  private(set) var byName: [String: Setting] = [:]
  var mistakes: [Mistake] = []

  /// Begins an option, whose values follow. False, with a mistake noted, when it is there already:
  /// a secret can be given in two ways.
  mutating func begin(_ option: OptionDescription, at place: Place) -> Bool {
    if let earlier = byName[option.name] {
      mistakes.append(
        Mistake(place, "\(earlier.place) gives the same option", remedy: "give one of them"))
      return false
    }
    byName[option.name] = Setting(place: place)
    return true
  }

  /// Checks a value of an option that was begun, and takes it.
  mutating func add(_ text: String, to option: OptionDescription, at place: Place) {
    do throws(ValueProblem) {
      byName[option.name]?.texts.append(try option.canonical(text))
    } catch {
      let subject = option.isSecret ? "the value" : quoted(text)
      mistakes.append(Mistake(place, "\(subject) \(error.problem)", remedy: error.remedy))
    }
  }

  /// Takes a secret from its file, a line of text; of a repeatable option, each line that is not
  /// empty is one.
  mutating func addContents(
    of path: String, to option: OptionDescription, at place: Place, readFile: FileReader
  ) {
    let text: String
    do throws(FileProblem) {
      guard let valid = String(validating: try readFile(path), as: UTF8.self) else {
        throw FileProblem("it is not UTF-8")
      }
      text = valid
    } catch {
      mistakes.append(Mistake(place, "cannot read \(quoted(path)): \(error.text)"))
      return
    }
    let lines = text.split(whereSeparator: \.isNewline)
    if lines.isEmpty || (option.arity != .list && lines.count > 1) {
      mistakes.append(
        Mistake(
          place, "\(quoted(path)) \(lines.isEmpty ? "is empty" : "has several lines")",
          remedy: "the secret is one line"))
      return
    }
    for line in lines { add(String(line), to: option, at: place) }
  }
}

/// Reads a file of the configuration; handed in, so that nothing here touches the world.
package typealias FileReader = (_ path: String) throws(FileProblem) -> [UInt8]

/// Why a file cannot be read: `there is no such file`.
package struct FileProblem: Error, Sendable, Equatable {
  package let text: String

  package init(_ text: String) {
    self.text = text
  }
}
