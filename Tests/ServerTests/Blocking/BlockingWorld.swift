import Platform
import Testing

@testable import Server

/// What the tests of blocking commands share: clients on different loops, and the moment at which somebody waits.
extension TestServer {
    /// Waits until so many calls are blocked.
    func waitForBlocked(_ count: Int) -> Bool { eventually { core.observers.waits.totals.calls == count } }

    /// Has clients block one after the other, each behind the one before.
    func block(_ clients: [TestClient], _ requests: [String]) throws {
        var blocked = core.observers.waits.totals.calls
        for (client, request) in zip(clients, requests) {
            try client.send(raw: TestClient.request(request.split(separator: " ").map(String.init)))
            blocked += 1
            #expect(waitForBlocked(blocked), "\(request)")
        }
    }

    func block(_ client: TestClient, _ request: String) throws { try block([client], [request]) }

    /// Nobody is in a queue, nothing is reserved, no shard is observed.
    func expectNoTraces() {
        #expect(eventually { core.observers.waits.isUnused }, "queues, reservations or observers are left")
    }
}

extension TestClient {
    /// As `call`, the words parted by blanks.
    @discardableResult
    func ask(_ request: String) throws -> Reply { try call(request.split(separator: " ").map(String.init)) }
}
