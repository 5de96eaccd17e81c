import Testing

@testable import Configuration
@testable import SluiceCommand

@Suite("Changes between two configurations")
struct ChangesTests {
  private func changes(_ before: String, _ after: String) throws -> [String] {
    let before = try load(ServeOptions.table, file: before)
    let after = try load(ServeOptions.table, file: after)
    return before.changes(to: after).map { "\($0.name) \($0.isLive ? "live" : "restart")" }
  }

  @Test("what can change in place, and what cannot")
  func kinds() throws {
    #expect(
      try changes(
        "max-fragments = 5\nlisten = ['127.0.0.1:1']\norigin = ['*']",
        "max-fragments = 6\nlisten = ['127.0.0.1:2']\nping-interval = '1s'")
        == ["listen restart", "origin live", "max-fragments live", "ping-interval live"])
  }

  @Test("how a value is written, and where, is no change")
  func same() throws {
    #expect(
      try changes(
        "max-message-size = 1024\nping-interval = '1.5s'\ntrusted-proxy = ['10.1.2.3']",
        "ping-interval = '1500ms'\nmax-message-size = '1KiB'\ntrusted-proxy = ['10.1.2.3/32']")
        == [])
    let file = try load(ServeOptions.table, file: "max-fragments = 4096")
    #expect(file.changes(to: try load(ServeOptions.table, ["--max-fragments=4096"])) == [])
    #expect(file.changes(to: try load(ServeOptions.table)) == [])
  }

  @Test("certificates can be exchanged; to begin with TLS, or end it, needs a restart")
  func certificates() throws {
    let one = "tls-certificate = ['a.pem']"
    #expect(try changes(one, "tls-certificate = ['b.pem', 'c.pem']") == ["tls-certificate live"])
    #expect(try changes(one, "") == ["tls-certificate restart"])
    #expect(try changes("", one) == ["tls-certificate restart"])
    // What goes with them waits with them.
    #expect(
      try changes("max-fragments = 5", "\(one)\ntls-key = ['a.key']\ntls-min-version = '1.3'")
        == [
          "tls-certificate restart", "tls-key restart", "tls-min-version restart",
          "max-fragments live",
        ])
    #expect(
      try changes(one, "tls-certificate = ['b.pem']\ntls-min-version = '1.3'")
        == ["tls-certificate live", "tls-min-version live"])
  }

  @Test("what is in force after a change that is live in part")
  func following() throws {
    let before = try load(
      ServeOptions.table, file: "max-fragments = 5\nlisten = ['127.0.0.1:1']\norigin = ['*']")
    let next = try load(
      ServeOptions.table,
      file: "max-fragments = 6\nlisten = ['127.0.0.1:2']\ntls-certificate = ['a.pem']")
    let after = before.following(next)
    #expect(
      before.changes(to: after).map(\.name) == ["origin", "max-fragments"])
    // Those that wait are told again the next time.
    #expect(after.changes(to: next).map(\.name) == ["listen", "tls-certificate"])
    #expect(after.following(before).changes(to: before) == [])
  }

  @Test("only these need a restart")
  func restarts() {
    let names = ServeOptions.table.options.filter { $0.change == .restart }.map(\.name)
    #expect(
      names == [
        "listen", "event-loop", "workers", "admin-socket", "admin-listen", "drain-window",
        "drain-deadline", "pre-drain-delay", "config",
      ])
  }
}
