// A server that answers from a constant: prices the frontend alone. `frontend-bench PORT [THREADS]`; PING gets +PONG,
// GET a bulk of 3 bytes, everything else +OK. Measure the process' CPU time per request with redis-benchmark before it.
import Bytes
import Frontend
import Glibc
import Platform
import RESP

final class ConstantService: FrontendService {
    func makeConnection(_ seed: consuming ConnectionSeed) -> Connection { Connection(seed) }

    func execute(
        _ connection: Connection, _ batch: UnsafeMutablePointer<RequestBatch>, reply: UnsafeMutablePointer<ReplyWriter>
    ) -> BatchOutcome {
        for index in 0..<batch.pointee.count {
            let name = batch.pointee.arguments(of: index)[0]
            if name.equalsIgnoringCase("get") {
                reply.pointee.bulk("xyz")
            } else if name.equalsIgnoringCase("ping") {
                reply.pointee.simple("PONG")
            } else if name.equalsIgnoringCase("config") {
                reply.pointee.array(0)
            } else {
                reply.pointee.ok()
            }
        }
        return .completed
    }
}

var configuration = FrontendConfiguration()
configuration.addresses = ["127.0.0.1"]
configuration.port = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 0 : 0
configuration.threads = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 1 : 1
let service = ConstantService()
let group = try LoopGroup(configuration, settings: FrontendSettings(), service: service)
group.start()
print("port \(group.port)")
while true { Clock.sleep(nanoseconds: 1_000_000_000) }
