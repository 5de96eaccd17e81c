import FleetSimulation
import Glibc

// FleetSimulator [--seed N] [--seeds COUNT] [--first N]
//
// Runs the simulation with one seed and shows all that happens, or with many, from the first
// on, and shows the first that fails.

/// The options by their name; nil if they make no sense.
func options() -> [String: UInt64]? {
  var options: [String: UInt64] = [:]
  var words = CommandLine.arguments.dropFirst()
  while let flag = words.popFirst() {
    guard ["--seed", "--seeds", "--first"].contains(flag), let word = words.popFirst(),
      let number = UInt64(word)
    else { return nil }
    options[flag] = number
  }
  return options
}

func trace(_ seed: UInt64) throws(Simulation.Violation) {
  var simulation = Simulation(seed: seed, record: .trace)
  let outcome = try simulation.run()
  print("seed \(seed): \(outcome.inputs) inputs, digest \(outcome.digest)")
}

func run(_ count: UInt64, from first: UInt64) throws(Simulation.Violation) {
  var inputs = 0
  var reports: [String: Int] = [:]
  for number in 0..<count {
    var simulation = Simulation(seed: first &+ number)
    let outcome = try simulation.run()
    inputs += outcome.inputs
    reports.merge(outcome.reports, uniquingKeysWith: +)
  }
  for (name, times) in reports.sorted(by: { $0.key < $1.key }) { print("\(times) × \(name)") }
  print("\(count) seeds, \(inputs) inputs: every promise was kept")
}

guard let options = options() else {
  print("usage: FleetSimulator [--seed N] [--seeds COUNT] [--first N]")
  exit(2)
}
do {
  if let seed = options["--seed"] {
    try trace(seed)
  } else {
    try run(options["--seeds"] ?? 10_000, from: options["--first"] ?? 0)
  }
} catch {
  print("\(error)\nmake test-simulation SEED=\(error.seed) shows what led there")
  exit(1)
}
