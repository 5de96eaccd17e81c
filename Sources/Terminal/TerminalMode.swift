internal import Glibc
package import SystemIO

/// A terminal in the mode that `LineEditor` needs, until this value goes.
///
/// Each key comes at once and is not echoed; Ctrl-C, Ctrl-Z and Ctrl-\ are bytes like others and
/// raise no signal; pastes are bracketed. Output is left as it was: a newline goes to the start
/// of the next row.
///
/// Nothing here handles signals. A process that SIGTERM, SIGINT or SIGHUP may end takes them from
/// a signalfd and restores the terminal before it exits; `exit` runs no deinit. After SIGTSTP and
/// SIGCONT, a new value takes the terminal again.
package struct TerminalMode: ~Copyable {
  private let descriptor: Int32
  private let output: Int32
  private let saved: termios

  /// - Parameters:
  ///   - descriptor: the terminal that is read, which stays open at least as long as this value.
  ///   - output: where that terminal is written to; the same goes for it.
  /// - Throws: what tcgetattr(3) or tcsetattr(3) fails with: ENOTTY for what is no terminal.
  package init(descriptor: Int32, output: Int32) throws(SystemError) {
    var saved = termios()
    // SAFETY: here and below, one termios is filled or read during the call.
    guard unsafe tcgetattr(descriptor, &saved) == 0 else {
      throw SystemError("tcgetattr", code: errno)
    }
    var mode = saved
    mode.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    // Enter is CR and a pasted line break may be LF; Ctrl-S and Ctrl-Q stop nothing.
    mode.c_iflag &= ~tcflag_t(ICRNL | INLCR | IGNCR | ISTRIP | IXON)
    // A read returns what there is, from one byte on.
    // SAFETY: VMIN and VTIME are indices of c_cc.
    unsafe withUnsafeMutableBytes(of: &mode.c_cc) { characters in
      unsafe characters[Int(VMIN)] = 1
      unsafe characters[Int(VTIME)] = 0
    }
    // TCSANOW, here and below: waiting for output to leave could take for ever.
    guard unsafe tcsetattr(descriptor, TCSANOW, &mode) == 0 else {
      throw SystemError("tcsetattr", code: errno)
    }
    self.descriptor = descriptor
    self.output = output
    self.saved = saved
    Self.write("\u{1B}[?2004h", to: output)
  }

  /// Gives the terminal back as it was. Input that was not read is dropped: the rest of a paste
  /// must not become a command of the user's shell.
  package consuming func restore() {}

  deinit {
    // A terminal that another job has by now is not ours to change, and SIGTTOU would stop us.
    let foreground = tcgetpgrp(descriptor)
    guard foreground <= 0 || foreground == getpgrp() else { return }
    Self.write("\u{1B}[?2004l", to: output)
    tcflush(descriptor, TCIFLUSH)
    var saved = saved
    // A terminal that is gone has nothing to restore.
    _ = unsafe tcsetattr(descriptor, TCSANOW, &saved)
  }

  /// A terminal that takes nothing now goes without.
  private static func write(_ text: String, to output: Int32) {
    let bytes = Array(text.utf8)
    // SAFETY: the array outlives the call, and its count is passed with it.
    _ = unsafe Glibc.write(output, bytes, bytes.count)
  }
}
