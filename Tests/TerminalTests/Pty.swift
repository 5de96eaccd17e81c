import Glibc
import SystemIO
import Testing

/// A pseudoterminal: what is written to `keyboard` is typed, and what the program behind `terminal`
/// writes can be read there.
struct Pty: ~Copyable {
  let keyboard: FileDescriptor
  let terminal: FileDescriptor

  init(columns: UInt16 = 0, rows: UInt16 = 0) throws {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    var primary: Int32 = -1
    var replica: Int32 = -1
    // SAFETY: writes two descriptors, reads one winsize; no name is asked for.
    let opened = unsafe openpty(&primary, &replica, nil, nil, &size)
    try #require(opened == 0)
    keyboard = FileDescriptor(owning: primary)
    terminal = FileDescriptor(owning: replica)
  }

  func attributes() throws -> termios {
    var attributes = termios()
    // SAFETY: fills one termios.
    let result = unsafe tcgetattr(terminal.rawValue, &attributes)
    try #require(result == 0)
    return attributes
  }

  func type(_ text: String) throws {
    try write(text, to: keyboard.rawValue)
  }

  func show(_ text: String) throws {
    try write(text, to: terminal.rawValue)
  }

  /// What the program reads, once there are `count` bytes.
  func typed(_ count: Int) throws -> [UInt8] {
    try read(count, from: terminal.rawValue)
  }

  /// What the user sees next.
  func shown(_ count: Int) throws -> String {
    String(decoding: try read(count, from: keyboard.rawValue), as: UTF8.self)
  }

  /// Whether there is something for the program to read now.
  var hasInput: Bool { isReady(terminal.rawValue, POLLIN, within: 0) }

  func awaitInput() throws {
    try awaitReady(terminal.rawValue, POLLIN)
  }

  private func awaitReady(_ descriptor: Int32, _ events: Int32) throws {
    let isReady = isReady(descriptor, events, within: 20_000)
    try #require(isReady)
  }

  private func isReady(
    _ descriptor: Int32, _ events: Int32, within milliseconds: Int32
  ) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    // SAFETY: one pollfd, and its count.
    return unsafe poll(&entry, 1, milliseconds) == 1
  }

  private func write(_ text: String, to descriptor: Int32) throws {
    let bytes = Array(text.utf8)
    // A terminal that was stopped with Ctrl-S takes nothing.
    try awaitReady(descriptor, POLLOUT)
    // SAFETY: the array outlives the call.
    let count = unsafe Glibc.write(descriptor, bytes, bytes.count)
    try #require(count == bytes.count)
  }

  private func read(_ count: Int, from descriptor: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      try awaitReady(descriptor, POLLIN)
      var piece = [UInt8](repeating: 0, count: count - bytes.count)
      let room = piece.count
      // SAFETY: at most as many bytes as the array has.
      let received = unsafe Glibc.read(descriptor, &piece, room)
      try #require(received > 0)
      bytes += piece.prefix(received)
    }
    return bytes
  }
}

/// For comparison: the flags and the control characters.
func summary(_ attributes: termios) -> [UInt32] {
  // SAFETY: reads the bytes of one tuple.
  let characters = unsafe withUnsafeBytes(of: attributes.c_cc) { unsafe $0.map { UInt32($0) } }
  return [attributes.c_iflag, attributes.c_oflag, attributes.c_cflag, attributes.c_lflag]
    + characters
}
