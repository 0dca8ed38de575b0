import Foundation
import Platform
import StorageFaulty

/// A file with a fault plan for a running server: lines of a name and a number.
///
///     read-every 7        every seventh read fails
///     write-every 3       every third batch fails
///     read-delay-ms 2000  each read takes so long
///
/// It is looked at every 20 ms. Once its plan is in force, a file of the same text is there with `.applied` at its
/// name's end. A line that isn't understood ends the process.
struct PlanFile: Sendable {
    let path: String

    /// Has `provider` follow the file, for as long as the process lives.
    func follow(by provider: FaultyProvider) {
        _ = Platform.Thread(name: "fault-plan") {
            var last = ""
            while true {
                if let text = try? String(contentsOfFile: path, encoding: .utf8), text != last {
                    provider.plan = plan(text)
                    last = text
                    try? text.write(toFile: path + ".applied", atomically: true, encoding: .utf8)
                }
                Clock.sleep(nanoseconds: 20_000_000)
            }
        }
    }

    private func plan(_ text: String) -> FaultPlan {
        var plan = FaultPlan()
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let number = Int(words[1]) else { fatalError("fault plan: \(line)") }
            switch words[0] {
            case "read-every": plan.read.failingEvery = number
            case "write-every": plan.write.failingEvery = number
            case "read-delay-ms": plan.read.delay = .fixed(nanoseconds: Int64(number) * 1_000_000)
            default: fatalError("fault plan: \(line)")
            }
        }
        return plan
    }
}
