import COpenSSL
import Glibc
import TLS
import TestCertificates
import Testing

/// In processes of their own, so that no other test's memory is counted.
@Suite(
  .disabled(
    if: unsafe getenv("SLUICE_SANITIZER") != nil,
    "a sanitizer takes memory of its own for each of ours"))
struct MemoryTests {
  @Test func `An idle session is small, TLS 1.3`() async {
    report(
      await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
        try measureIdle(TLS1_3_VERSION)
      })
  }

  @Test func `An idle session is small, TLS 1.2`() async {
    report(
      await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
        try measureIdle(TLS1_2_VERSION)
      })
  }

  @Test func `Sessions leave nothing behind`() async {
    report(
      await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
        let folder = Folder()
        let context = try TLSServerContext(
          folder.configuration(Identity("localhost", names: ["localhost"])))
        let engine = TLSEngine()
        let client = Client()
        for _ in 0..<2_000 { _ = try idleServer(context, engine, TLS1_3_VERSION, like: client) }
        let before = residentBytes()
        for round in 0..<10_000 {
          _ = try idleServer(
            context, engine, round % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, like: client)
        }
        let growth = residentBytes() - before
        print("growth over 10,000 sessions: \(growth) bytes")
        precondition(growth < 1_000_000)
      })
  }
}

/// Shows what the process has measured.
private func report(_ result: ExitTest.Result?) {
  for line in String(decoding: result?.standardOutputContent ?? [], as: UTF8.self).split(
    separator: "\n")
  where line.contains("bytes") {
    print(line)
  }
}

private func measureIdle(_ version: Int32) throws {
  // Nearly all of it is OpenSSL's own, and differs between its versions.
  let bytesMax = OPENSSL_version_minor() == 0 ? 14_848 : 32_768
  let folder = Folder()
  let context = try TLSServerContext(
    folder.configuration(Identity("localhost", names: ["localhost"])))
  let engine = TLSEngine()
  let client = Client(.init(minimumVersion: version, maximumVersion: version))
  var sessions: [Server] = []
  for _ in 0..<50 { sessions.append(try idleServer(context, engine, version, like: client)) }
  let before = residentBytes()
  let count = 2_000
  for _ in 0..<count { sessions.append(try idleServer(context, engine, version, like: client)) }
  let perSession = (residentBytes() - before) / count
  print("\(sessions[0].version): \(perSession) bytes of RSS per idle session")
  precondition(perSession <= bytesMax)
}

/// After a handshake and a message each way; its client is gone.
private func idleServer(
  _ context: TLSServerContext, _ engine: TLSEngine, _ version: Int32, like other: Client
) throws -> Server {
  let client = Client(
    .init(
      minimumVersion: version, maximumVersion: version, protocols: ["http/1.1"],
      serverName: "localhost", like: other))
  let server = Server(context, engine: engine)
  try exchange(client, server)
  client.write(Array("hello".utf8))
  try exchange(client, server)
  try server.write(Array("hello".utf8))
  try exchange(client, server)
  precondition(server.takeReceived() == client.takeReceived())
  return server
}

private func residentBytes() -> Int {
  var text = [UInt8](repeating: 0, count: 256)
  let descriptor = unsafe open("/proc/self/statm", O_RDONLY)
  defer { close(descriptor) }
  let count = unsafe read(descriptor, &text, text.count)
  let fields = text[..<count].split(separator: UInt8(ascii: " "))
  return Int(String(decoding: fields[1], as: UTF8.self))! * Int(getpagesize())
}
