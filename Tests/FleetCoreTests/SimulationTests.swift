import FleetSimulation
import Testing

@Suite("Simulation", .timeLimit(.minutes(10)))
struct SimulationTests {
  @Test("every promise is kept, whatever goes wrong", arguments: 0..<20)
  func seeds(block: UInt64) throws {
    for seed in block * 10..<block * 10 + 10 {
      var simulation = Simulation(seed: seed)
      _ = try simulation.run()
    }
  }

  @Test("the same seed makes the same run", arguments: [1, 2, 3, 4, 5])
  func sameSeed(seed: UInt64) throws {
    var first = Simulation(seed: seed, record: .digest)
    var second = Simulation(seed: seed, record: .digest)
    var other = Simulation(seed: seed + 1_000, record: .digest)
    let digest = try first.run().digest
    #expect(try second.run().digest == digest)
    #expect(try other.run().digest != digest)
  }
}
