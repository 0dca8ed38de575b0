import Bytes
import Configuration
import Platform
import Values

@testable import Histories
@testable import Server

// What the server's histories have in common: everything is dropped from RAM over and over, and the provider fails.

extension TestServer {
    /// A server with little memory over a slow, failing and reordering provider. `directives` as in `init`.
    static func nasty(_ directives: [String] = []) throws -> TestServer {
        // All sets and large hashes and sorted sets go to flash page by page.
        Paging.leastBytes.store(0, ordering: .relaxed)
        let server = try TestServer(directives, threads: 3, isTiered: true, budget: 4 << 20)
        server.provider?.plan = .nasty
        return server
    }

    /// Lists of several pages, the inner ones compressed, and sorted sets with pages. It holds for all servers of the
    /// process, which therefore want it together, and until `forgetSmallPages`.
    static let smallPages = [
        "--list-max-listpack-size", "2", "--list-compress-depth", "1", "--zset-max-listpack-entries", "4",
    ]

    static func forgetSmallPages() { CollectionLimits.apply(Settings.standard.encodings) }

    /// Drops everything from RAM over and over while `body` runs.
    func whileSpilling(everyNanoseconds pause: Int64 = 2_000_000, _ body: () throws -> Void) rethrows {
        let isOver = Flag()
        let core = core
        let spiller = Thread(name: "spill") {
            while !isOver.isRaised {
                try? core.tier?.spillEverything(keepsClean: false)
                Clock.sleep(nanoseconds: pause)
            }
        }
        defer {
            isOver.raise()
            spiller.join()
        }
        try body()
    }
}

extension Reply {
    /// What a command says that the tier could not serve. It had no effect.
    var isFlashFailure: Bool {
        guard case .error(let text) = self else { return false }
        return text.contains("flash tier failed") || text.hasPrefix("MISCONF")
    }

    /// As the models know it.
    var modelled: Histories.Reply {
        switch self {
        case .simple(let text): .simple(text)
        case .error(let text): .error(text)
        case .integer(let number): .integer(number)
        case .null: .null
        case .array(let parts): .array(parts.map(\.modelled))
        default: .text(text ?? "")
        }
    }
}
