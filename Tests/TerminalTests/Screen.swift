import Testing

/// A terminal that knows what the line editor may write, and reports everything else.
struct Screen {
  let columns: Int
  private(set) var cells: [[Cell]]
  private(set) var row = 0
  private(set) var column = 0

  enum Cell: Equatable {
    case blank
    case cluster(Character)
    /// The right half of a wide cluster.
    case covered
  }

  init(columns: Int, rows: Int) {
    self.columns = columns
    cells = Array(repeating: Array(repeating: .blank, count: columns), count: rows)
  }

  /// What a person sees in a row, up to the last cell that was written; with a sign at the cursor
  /// if it is there.
  func row(_ index: Int, cursor sign: String = "") -> String {
    var count = cells[index].lastIndex { $0 != .blank }.map { $0 + 1 } ?? 0
    if row == index && !sign.isEmpty { count = max(count, column) }
    var text = ""
    for position in 0..<count {
      if row == index && position == column { text += sign }
      switch cells[index][position] {
      case .blank: text += " "
      case .cluster(let cluster): text.append(cluster)
      case .covered: break
      }
    }
    return row == index && column >= count ? text + sign : text
  }

  /// All rows down to the last that shows something.
  var text: String {
    let rows = cells.indices.map { row($0) }
    return rows[...(rows.lastIndex { !$0.isEmpty } ?? 0)].joined(separator: "\n")
  }

  mutating func write(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      Issue.record("not UTF-8: \(bytes)")
      return
    }
    write(text)
  }

  mutating func write(_ text: String) {
    var rest = Substring(text)
    while let cluster = rest.popFirst() {
      switch cluster {
      case "\r":
        column = 0
      case "\n":
        // As the terminal driver hands it on: to the start of the next row.
        column = 0
        lineFeed()
      case "\u{1B}":
        control(&rest)
      default:
        if cluster.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
          Issue.record("a control character in \(text.debugDescription)")
        }
        show(cluster)
      }
    }
  }

  private mutating func lineFeed() {
    if row < cells.count - 1 {
      row += 1
    } else {
      cells.removeFirst()
      cells.append(Array(repeating: .blank, count: columns))
    }
  }

  private mutating func control(_ rest: inout Substring) {
    guard rest.popFirst() == "[", let end = rest.firstIndex(where: \.isLetter) else {
      Issue.record("not a control sequence: \(rest.debugDescription)")
      return
    }
    let final = rest[end]
    let parameters = rest[..<end]
    rest = rest[rest.index(after: end)...]
    switch (parameters, final) {
    case ("", "K"):
      for position in column..<columns { cells[row][position] = .blank }
    case ("2", "K"):
      cells[row] = Array(repeating: .blank, count: columns)
    case ("", "H"):
      (row, column) = (0, 0)
    case ("2", "J"):
      cells = cells.map { _ in Array(repeating: .blank, count: columns) }
    case (_, "C"):
      column += Int(parameters) ?? 0
      if column >= columns || Int(parameters) == nil || Int(parameters) == 0 {
        Issue.record("moved right by \(parameters) to \(column) of \(columns)")
        column = columns - 1
      }
    default:
      Issue.record("unknown sequence \(parameters)\(final)")
    }
  }

  private mutating func show(_ cluster: Character) {
    let width = Self.width(of: cluster)
    guard width > 0 else {
      // Joins what is left of it; at the start of a row there is nothing.
      if column > 0, case .cluster(let base) = cells[row][column - 1] {
        cells[row][column - 1] = .cluster(Character(String(base) + String(cluster)))
      }
      return
    }
    guard column + width < columns else {
      Issue.record("\(cluster) at column \(column) of \(columns) reaches the last column")
      return
    }
    cells[row][column] = .cluster(cluster)
    if width == 2 { cells[row][column + 1] = .covered }
    column += width
  }

  /// Of what the tests write, told without the tables that are tested.
  private static func width(of cluster: Character) -> Int {
    let first = cluster.unicodeScalars.first!
    if cluster.unicodeScalars.contains("\u{FE0F}") { return 2 }
    switch first.value {
    case 0x300...0x36F, 0x200B...0x200D: return 0
    case 0x1F1E6...0x1F1FF: return cluster.unicodeScalars.count
    case 0x1100...0x115F, 0x3000...0x9FFF, 0xAC00...0xD7A3, 0x1F000...0x1FAFF: return 2
    default: return 1
    }
  }
}
