// firn-faulty-server: firn-server over a flash tier of which every read takes longer, for tools/bench isolation and
// for tests.
//
//   firn-faulty-server --read-delay-ms 50 [what firn-server takes]
import Configuration
import Glibc
import Server
import StorageFaulty
import Telemetry

var arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2, arguments[0] == "--read-delay-ms", let delay = Int64(arguments[1]),
    case .serve(let configuration, _) = ServerArguments.parse(Array(arguments.dropFirst(2)))
else {
    print("usage: firn-faulty-server --read-delay-ms N [what firn-server takes]")
    exit(1)
}
let settings = configuration.current
signal(SIGPIPE, SIG_IGN)
guard chdir(settings.directory) == 0 else { fatalError("no directory \(settings.directory)") }
let log = Log(level: .notice, path: settings.logFile)
var plan = FaultPlan()
plan.read.delay = .fixed(nanoseconds: delay * 1_000_000)
let slow = plan
let parts = try KeyspaceStartup.open(settings, log: log) { FaultyProvider($0, plan: slow, seed: 1) }
let core = ServerCore(configuration: configuration, log: log, parts: parts)
try core.start()
_ = core.waitForEnd()
core.stop()
try core.tier?.provider.close()
