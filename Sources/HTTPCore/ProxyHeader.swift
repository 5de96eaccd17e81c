/// What a PROXY protocol header says about the connection that it precedes (HAProxy's
/// proxy-protocol.txt, §2).
package enum ProxyHeader: Equatable, Sendable {
  /// The proxy itself connects, for a health check: the connection's own addresses count. LOCAL,
  /// in version 2 only.
  case local
  /// Forwarded, and nothing is said about for whom: the connection's own addresses count. UNKNOWN
  /// in version 1, UNSPEC in version 2.
  case unknown
  /// Forwarded for a client of the proxy, over TCP, or over UDP as QUIC is.
  case internet(source: ProxyEndpoint, destination: ProxyEndpoint)
  /// Forwarded for a client on the proxy's machine. The paths are dropped; clients rarely have one.
  case unix
}

/// One end of a forwarded connection.
package struct ProxyEndpoint: Hashable, Sendable {
  package let address: IPAddress
  package let port: UInt16

  package init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }
}

/// Why bytes are no PROXY protocol header. The connection is to be closed without an answer (§2).
package enum ProxyHeaderError: Error, Equatable, Sendable, CaseIterable {
  /// Neither version's signature: the peer doesn't speak the protocol.
  case wrongSignature

  // Version 1 (§2.1)

  /// No line end within 107 bytes.
  case lineTooLong
  /// CR without LF, or LF without CR.
  case malformedLineEnd
  /// Not TCP4, TCP6 or UNKNOWN.
  case unknownProtocol
  /// Not two addresses and two ports, with single spaces between them.
  case wrongFieldCount
  /// Not an address of the family that the line names.
  case invalidAddress
  /// Not a decimal number up to 65535 without leading zeros.
  case invalidPort

  // Version 2 (§2.2)

  /// The signature is version 2's, the version number another.
  case unsupportedVersion
  /// Neither LOCAL nor PROXY.
  case unknownCommand
  /// None of UNSPEC, INET, INET6 and UNIX.
  case unknownAddressFamily
  /// None of UNSPEC, STREAM and DGRAM.
  case unknownTransport
  /// The announced length is over the limit.
  case headerTooLong
  /// The announced length has no room for the addresses of the family.
  case addressesTruncated
  /// A type-length-value entry reaches over the end, or its own length is cut off.
  case malformedTLV
  /// The checksum is not of four bytes, or there are two.
  case malformedChecksum
  /// The checksum is of other bytes.
  case wrongChecksum
}
