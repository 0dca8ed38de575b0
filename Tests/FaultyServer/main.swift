// firn-faulty-server: firn-server over a flash tier that is worse than any, for tools/bench isolation,
// tools/conformance --tiered, tools/check-faults, and tests.
//
//   firn-faulty-server [--read-delay-ms N] [--hot-bytes N] [what firn-server takes]
//
// --read-delay-ms: each read of the provider takes so long. --hot-bytes: records beyond so many bytes are spilled
// whether or not there is room for them.
//
// FIRN_FAULT_PLAN names a file that says what goes wrong from now on, and may be replaced at any time: see PlanFile.
import Configuration
import Glibc
import Server
import StorageFaulty

var arguments = Array(CommandLine.arguments.dropFirst())
var plan = FaultPlan()
var hotBytes = Int.max
while arguments.count >= 2, let number = Int64(arguments[1]), number >= 0 {
    switch arguments[0] {
    case "--read-delay-ms": plan.read.delay = .fixed(nanoseconds: number * 1_000_000)
    case "--hot-bytes": hotBytes = Int(number)
    default: break
    }
    guard ["--read-delay-ms", "--hot-bytes"].contains(arguments[0]) else { break }
    arguments.removeFirst(2)
}
let faults = plan
let limit = hotBytes
switch ServerArguments.parse(arguments) {
case .serve(let configuration, let notes):
    var process = ServerProcess(configuration: configuration)
    process.wrapping = { base in
        let faulty = FaultyProvider(base, plan: faults, seed: 1)
        if let path = getenv("FIRN_FAULT_PLAN") { PlanFile(path: String(cString: path)).follow(by: faulty) }
        return faulty
    }
    process.prepare = { $0.tier?.update { $0.budget.hotLimit = limit } }
    exit(process.run(notes: notes))
case .help(let text), .failure(let text):
    ServerProcess.complain(text)
    exit(1)
case .version:
    print(ServerProcess.versionLine)
}
