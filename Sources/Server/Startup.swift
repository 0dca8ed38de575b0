import Bytes
import Configuration
import Keyspace
import Persistence
import Platform
import Storage
import Telemetry
import Tiering

/// Why the server can't start, for the log.
public struct StartupError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// From a configuration to a keyspace, with or without a flash tier.
public enum KeyspaceStartup {
    /// Opens what the configuration says. `wrapping` may put something around the provider: a test's faults.
    public static func open(
        _ settings: Settings, log: Log, wrapping wrap: (any StorageProvider) -> any StorageProvider = { $0 }
    ) throws(StartupError) -> ServerCore.Parts {
        let renames = settings.renamedCommands.map { ($0.old, $0.new) }
        if let problem = CommandIndex.problem(renames, in: CommandFamilies.rows) { throw StartupError(problem) }
        guard let path = settings.flashDirectory else {
            let store = KeyspaceStore(databases: settings.databases, placement: freshPlacement(), hasProvider: false)
            return ServerCore.Parts(store: store, tier: nil, directory: nil)
        }
        do {
            return try openFlash(path, settings, log, wrap)
        } catch let error as StorageError {
            throw StartupError("The flash tier can't be opened: \(error.message)")
        } catch {
            throw StartupError("The flash directory can't be used: \(error)")
        }
    }

    private static func openFlash(
        _ path: String, _ settings: Settings, _ log: Log, _ wrap: (any StorageProvider) -> any StorageProvider
    ) throws -> ServerCore.Parts {
        let begun = Clock.monotonicNanoseconds()
        let maxMemory = settings.maxMemoryBytes > 0 ? settings.maxMemoryBytes : derivedMaxMemory(log)
        guard maxMemory >= MemoryBudget.minimum else {
            throw StartupError("with a flash tier maxmemory must be at least \(MemoryBudget.minimum) bytes")
        }
        let tierSettings = TierSettings(settings, maxMemory: maxMemory)
        try FlashProvider.validate(settings, tierSettings.budget)
        let (directory, found) = try DataDirectory.open(path, refusesUnsealed: settings.flash.unsealed == .refuse)
        var seal: Seal?
        switch found {
        case .new: log.notice("The flash directory \(path) is new.")
        case .sealed(let found): seal = found
        case .setAside(let target, let reason):
            log.warning(
                "The flash directory \(path) can't be trusted: \(reason). Its data was renamed to \(target); "
                    + "starting with an empty data set.")
        }
        if let seal, let needed = seal.databasesNeeded, needed > settings.databases {
            throw StartupError(
                "the flash directory holds keys in database \(needed - 1), the configuration has "
                    + "\(settings.databases) databases")
        }
        let provider = try FlashProvider.open(directory.providerPath, settings, tierSettings.budget)
        let placement = seal.map { Placement(seed: SipHash(k0: $0.seed.0, k1: $0.seed.1)) } ?? freshPlacement()
        let store = KeyspaceStore(
            databases: settings.databases, placement: placement, hasProvider: true,
            generations: seal?.databases.prefix(settings.databases).map(\.generation) ?? [],
            nextGeneration: seal?.nextGeneration ?? 1, lastCollection: seal?.lastCollection ?? 0)
        if let seal {
            var keys = 0
            for (number, database) in seal.databases.prefix(settings.databases).enumerated() {
                store.restore(database: number, database.counts)
                keys += database.counts.keys.reduce(0) { $0 + Int($1) }
            }
            let milliseconds = (Clock.monotonicNanoseconds() - begun) / 1_000_000
            log.notice("Opened the flash directory \(path): \(keys) keys, all cold, in \(milliseconds) ms.")
        }
        let tier = Tier(store: store, provider: wrap(provider), settings: tierSettings) { () throws(StorageError) in
            do {
                try directory.unseal()
            } catch {
                throw StorageError(.inputOutput, "\(error)")
            }
        }
        return ServerCore.Parts(store: store, tier: tier, directory: directory)
    }

    private static func freshPlacement() -> Placement {
        var random = RandomSource()
        return Placement(seed: SipHash(k0: random.next(), k1: random.next()))
    }

    /// `maxmemory 0` with a flash tier: half of what the machine, or its memory control group, has.
    private static func derivedMaxMemory(_ log: Log) -> Int {
        let bytes = MachineMemory.limitBytes() / 2
        log.notice("maxmemory is 0 and there is a flash tier: taking half of this machine's memory, \(bytes) bytes.")
        return bytes
    }
}
