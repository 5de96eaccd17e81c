internal import AdminHTTP
internal import ArgumentParser
internal import HTTPCore
internal import SystemIO
internal import Terminal

struct ConnectionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connections",
    abstract: "List the WebSocket connections of a gateway.",
    discussion: AdminOptions.exitStatusHelp)

  @OptionGroup var admin: AdminOptions

  @Option(help: ArgumentHelp("How many at most, up to 10000.", valueName: "n"))
  var limit = 100

  func validate() throws {
    guard 1...10_000 ~= limit else { throw ValidationError("--limit is 1 to 10000.") }
  }

  func run() throws {
    let list = try admin.ask(.get, "/connections?limit=\(limit)", for: ConnectionList.self)
    if admin.json { return try admin.print(list) }
    let rows = list.connections.map { connection in
      [
        connection.id, connection.peer, "\(Int(connection.durationSeconds)) s",
        "\(connection.messagesIn)", "\(connection.bytesIn)", "\(connection.bytesOut)",
        TerminalText.printable(connection.path),
      ]
    }
    let table = TextTable([["ID", "PEER", "FOR", "MESSAGES IN", "BYTES IN", "OUT", "PATH"]] + rows)
    StandardStream.output.print(table.lines(leftColumns: [0, 1, 6]).joined(separator: "\n"))
    if list.hasMore { printError("there are more: --limit") }
  }
}

struct DisconnectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disconnect",
    abstract: "Close connections in order: one, all of an address, or all in a channel.",
    discussion: AdminOptions.exitStatusHelp)

  @OptionGroup var admin: AdminOptions

  @Option(help: ArgumentHelp("As 'sluice connections' tells it.", valueName: "id"))
  var id: String?

  @Option(help: ArgumentHelp("All of this client address.", valueName: "ip"))
  var address: String?

  @Option(help: ArgumentHelp("All in this channel.", valueName: "name"))
  var channel: String?

  @Option(help: ArgumentHelp("The close code.", valueName: "code"))
  var code = 1001

  func validate() throws {
    guard [id, address, channel].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("Say whom: one of --id, --address and --channel.")
    }
  }

  func run() throws {
    let (name, value) =
      if let id { ("id", id) } else if let address { ("address", address) } else {
        ("channel", channel ?? "")
      }
    let target = "/disconnect?\(name)=\(PercentEncoding.encode(value))&code=\(code)"
    let answer = try admin.ask(.post, target, for: Disconnected.self)
    if admin.json { return try admin.print(answer) }
    StandardStream.output.print("closed: \(answer.count)")
  }
}

/// Columns of text, numbers to the right.
struct TextTable {
  private let rows: [[String]]

  init(_ rows: [[String]]) {
    self.rows = rows
  }

  func lines(leftColumns: Set<Int>) -> [String] {
    let widths = (rows.first ?? []).indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return leftColumns.contains(column) ? cell + space : space + cell
      }.joined(separator: "  ")
    }
  }
}
