internal import Glibc

/// What the kernel tells of listening TCP sockets, whoever has them (proc_pid_net(5)).
package enum ListeningSockets {
  /// How many listen on exactly this address: the size of its SO_REUSEPORT group. 0 for a Unix
  /// socket, and where it can't be told.
  package static func count(on address: SocketAddress) -> Int {
    switch address {
    case .ipv4(let host, let port):
      count(hexadecimal(host.bigEndian) + ":" + hexadecimal(port), in: "/proc/net/tcp")
    case .ipv6(let host, let port):
      // Four words, each in the machine's order.
      count(
        stride(from: 0, to: 16, by: 4).map { first in
          hexadecimal(
            host[first..<(first + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }.bigEndian)
        }.joined() + ":" + hexadecimal(port), in: "/proc/net/tcp6")
    case .unix: 0
    }
  }

  /// As `0100007F:1F90`.
  private static func hexadecimal(_ number: some FixedWidthInteger & UnsignedInteger) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    return String(repeating: "0", count: number.bitWidth / 4 - digits.count) + digits
  }

  /// Listening sockets come first in the table; what follows may be long, and isn't read.
  private static func count(_ address: String, in table: String) -> Int {
    // SAFETY: Swift passes the path as a C string.
    let rawValue = retryingInterrupts { unsafe open(table, O_RDONLY | O_CLOEXEC) }
    if rawValue < 0 { return 0 }
    let file = FileDescriptor(owning: rawValue)
    let descriptor = file.rawValue
    var count = 0
    var unfinished: [UInt8] = []
    while true {
      // SAFETY: the buffer has room for so many bytes; `count` of them have been written.
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
        count = max(
          0, retryingInterrupts { unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count) })
      }
      if piece.isEmpty { return count }
      unfinished += piece
      var lines = unfinished.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      unfinished = Array(lines.removeLast())
      for line in lines {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
        guard fields.count == 5, fields[0].last == UInt8(ascii: ":") else { continue }
        guard fields[3].elementsEqual("0A".utf8) else { return count }
        if fields[1].elementsEqual(address.utf8) { count += 1 }
      }
    }
  }
}
