import Glibc
import Testing

@testable import SystemIO
@testable import Terminal

private let pasteOn = "\u{1B}[?2004h"
private let pasteOff = "\u{1B}[?2004l"

@Suite("Terminal mode, on a pseudoterminal", .timeLimit(.minutes(5)))
struct TerminalModeTests {
  private func takeTerminal(of pty: borrowing Pty) throws -> TerminalMode {
    try TerminalMode(descriptor: pty.terminal.rawValue, output: pty.terminal.rawValue)
  }

  @Test("keys come at once, as bytes, and are not echoed; output is as before")
  func mode() throws {
    let pty = try Pty()
    let before = try pty.attributes()
    let mode = try takeTerminal(of: pty)
    #expect(try pty.shown(pasteOn.utf8.count) == pasteOn)
    let during = try pty.attributes()
    #expect(during.c_lflag & tcflag_t(ECHO | ICANON | ISIG) == 0)
    #expect(during.c_oflag == before.c_oflag)
    #expect(during.c_oflag & tcflag_t(OPOST) != 0)

    // Enter, the keys of signals, of flow control, and of quoting and erasing in line mode.
    let keys = "a\r\n\u{3}\u{1A}\u{1C}\u{11}\u{13}\u{16}\u{4}\u{7F}\u{15}"
    try pty.type(keys)
    #expect(try pty.typed(keys.utf8.count) == Array(keys.utf8))
    // Nothing was echoed before this.
    try pty.show("one\ntwo")
    #expect(try pty.shown(8) == "one\r\ntwo")
    mode.restore()
  }

  @Test("what is typed goes through the editor")
  func editing() throws {
    let pty = try Pty()
    let mode = try takeTerminal(of: pty)
    var editor = LineEditor(lineBytesMax: 100)
    let keys = typed("größe<left>x<enter><C-c>")
    try pty.type(String(decoding: keys, as: UTF8.self))
    let actions = feed(try pty.typed(keys.count), to: &editor)
    #expect(actions == [.line("größxe"), .interrupt])
    mode.restore()
  }

  @Test("is undone when it is restored")
  func restored() throws {
    let pty = try Pty()
    let before = try pty.attributes()
    let mode = try takeTerminal(of: pty)
    #expect(summary(try pty.attributes()) != summary(before))
    mode.restore()
    #expect(summary(try pty.attributes()) == summary(before))
    #expect(try pty.shown(16) == pasteOn + pasteOff)
  }

  @Test("is undone when its owner goes, and can be taken again")
  func owned() throws {
    let pty = try Pty()
    let before = try pty.attributes()
    for _ in 0..<2 {
      var mode: TerminalMode? = try takeTerminal(of: pty)
      let isTaken = mode != nil
      #expect(isTaken)
      #expect(summary(try pty.attributes()) != summary(before))
      mode = nil
      #expect(summary(try pty.attributes()) == summary(before))
      #expect(try pty.shown(16) == pasteOn + pasteOff)
    }
  }

  @Test("what was typed before is kept, and what was not read is dropped in the end")
  func unread() throws {
    let pty = try Pty()
    try pty.type("early\n")
    try pty.awaitInput()
    let mode = try takeTerminal(of: pty)
    #expect(try pty.typed(6) == Array("early\n".utf8))
    try pty.type("rest of a paste\r")
    try pty.awaitInput()
    mode.restore()
    let hasInput = pty.hasInput
    #expect(!hasInput)
  }

  @Test(
    "is undone by an owner whom a signal ends", arguments: [SIGTERM, SIGINT, SIGHUP])
  func signals(number: Int32) async {
    await #expect(processExitsWith: .exitCode(42)) { [number] in
      let pty = try Pty()
      let before = try pty.attributes()
      let signals = try SignalDescriptor(watching: [number])
      let mode = try TerminalMode(
        descriptor: pty.terminal.rawValue, output: pty.terminal.rawValue)
      raise(number)
      guard signals.read() == number else { exit(1) }
      mode.restore()
      exit(summary(try pty.attributes()) == summary(before) ? 42 : 2)
    }
  }

  @Test("a terminal that is gone is no trouble")
  func gone() throws {
    var primary: Int32 = -1
    var replica: Int32 = -1
    // SAFETY: writes two descriptors; nothing else is asked for.
    let opened = unsafe openpty(&primary, &replica, nil, nil, nil)
    try #require(opened == 0)
    let terminal = FileDescriptor(owning: replica)
    let mode = try TerminalMode(descriptor: terminal.rawValue, output: terminal.rawValue)
    close(primary)
    mode.restore()
  }

  @Test("what is no terminal is refused")
  func noTerminal() throws {
    // SAFETY: Swift passes the string as a terminated C string.
    let file = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    try #require(file >= 0)
    let descriptor = FileDescriptor(owning: file)
    #expect(throws: SystemError("tcgetattr", code: ENOTTY)) {
      let mode = try TerminalMode(descriptor: file, output: file)
      mode.restore()
    }
    let isOne = isTerminal(descriptor.rawValue)
    #expect(!isOne)
    #expect(TerminalSize(descriptor: file) == TerminalSize(columns: 80, rows: 24))
  }

  @Test("the size is the terminal's, or the usual one where that is not known")
  func size() throws {
    let pty = try Pty(columns: 132, rows: 43)
    #expect(TerminalSize(descriptor: pty.terminal.rawValue) == TerminalSize(columns: 132, rows: 43))
    #expect(isTerminal(pty.terminal.rawValue))
    let unknown = try Pty()
    #expect(
      TerminalSize(descriptor: unknown.terminal.rawValue) == TerminalSize(columns: 80, rows: 24))
  }

  @Test("what the environment says")
  func environment() {
    func isDumb(_ term: String?) -> Bool { TerminalEnvironment(term: term, noColor: nil).isDumb }
    #expect(isDumb(nil) && isDumb("") && isDumb("dumb") && !isDumb("xterm-256color"))
    func isColorless(_ noColor: String?) -> Bool {
      TerminalEnvironment(term: "xterm", noColor: noColor).isColorless
    }
    #expect(isColorless("1") && isColorless("0") && !isColorless("") && !isColorless(nil))
  }
}
