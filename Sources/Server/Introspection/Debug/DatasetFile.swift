import Bytes
import Configuration
import Keyspace
import Platform
import RDB
import Storage
import Values

/// The data set to an RDB file and back: DEBUG RELOAD. On a control thread.
enum DatasetFile {
    struct Failure: Error {
        let reason: String
    }

    /// Writes all keys of both tiers to `path`.
    static func save(_ core: ServerCore, to path: String) throws(Failure) {
        do {
            let settings = core.configuration.current
            let file = try File(path, .create)
            let hasMemberExpiries = (0..<core.store.databases).contains {
                core.store.counts(database: $0).memberExpiring > 0
            }
            var writer = RDBFileWriter(
                compresses: settings.payloadCompression, checksums: settings.payloadChecksum,
                version: hasMemberExpiries ? RDBFormat.versionOfFieldExpiries : RDBFormat.version
            ) { (piece: ByteSlice) throws(RDBError) in
                do throws(SystemError) {
                    try file.write(UnsafeRawBufferPointer(piece.buffer))
                } catch {
                    throw RDBError.writeFailed(error.errorNumber)
                }
            }
            try writer.aux(ByteSlice("redis-ver"), ByteSlice("7.2.0"))
            try writer.aux("redis-bits", 64)
            var reader = DatasetReader(store: core.store, tier: core.tier)
            for database in 0..<core.store.databases {
                let counts = core.store.counts(database: database)
                if counts.keys == 0 { continue }
                try writer.select(database: database, keys: counts.keys, expiring: counts.expiring)
                try reader.forEach(database: database) { (record: borrowing Record) throws(RDBError) in
                    let info = RDBKeyInfo(
                        expiryMilliseconds: record.expiry, idleSeconds: nil,
                        frequency: settings.maxMemoryPolicy.isLFU ? UInt8(record.access & 0xff) : nil)
                    let key = record.key
                    let isCollection: Void? = try record.withCollection { (collection) throws(RDBError) in
                        try writer.key(key, info, .collection(collection))
                    }
                    if isCollection == nil {
                        try record.withString { (value) throws(RDBError) in try writer.key(key, info, string: value) }
                    }
                }
            }
            try writer.finish()
            try file.sync()
        } catch let error as DatasetReadError<RDBError> {
            switch error {
            case .storage(let error): throw Failure(reason: error.message)
            case .visitor(let error): throw Failure(reason: "\(error)")
            }
        } catch {
            throw Failure(reason: "\(error)")
        }
    }

    /// Adds the keys of the file at `path`. Without `replaces` a key that exists is an error. Past-due keys are left
    /// out.
    static func load(
        _ core: ServerCore, from path: String, replaces: Bool
    ) throws(Failure) -> (keys: Int, expired: Int) {
        do {
            let file = try File(path, .read)
            var source = RDBFileReader(checksChecksum: core.configuration.current.payloadChecksum) {
                (room: UnsafeMutableBufferPointer<UInt8>) throws(RDBError) in
                do throws(SystemError) {
                    return try file.read(into: UnsafeMutableRawBufferPointer(room))
                } catch {
                    throw RDBError.readFailed(error.errorNumber)
                }
            }
            return try core.disposing.withLock { _ in
                try fill(core, from: &source, replaces: replaces)
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(reason: "\(error)")
        }
    }

    private static func fill(
        _ core: ServerCore, from source: inout RDBFileReader, replaces: Bool
    ) throws -> (keys: Int, expired: Int) {
        // `disposing` is held: the ledger is this thread's.
        var writer = DatasetWriter(core: core, ledger: core.disposalLedger)
        var reader = DatasetReader(store: core.store, tier: core.tier)
        var database = 0
        var result = (keys: 0, expired: 0)
        let now = Clock.unixMilliseconds()
        while true {
            switch try source.next() {
            case .aux, .sizes, .function: continue
            case .end: return result
            case .selectDatabase(let number):
                guard number < UInt64(core.store.databases) else {
                    throw Failure(reason: "the file has keys of database \(number)")
                }
                database = Int(number)
            case .key(let key, let info, let value):
                if let expiry = info.expiryMilliseconds, expiry < now {
                    result.expired += 1
                    continue
                }
                if !replaces, let found = try reader.fetch(key.array, database: database) {
                    found.free()
                    throw Failure(reason: "the key '\(String(decoding: key.array, as: UTF8.self))' exists already")
                }
                let record = key.withBytes { key in
                    switch value {
                    case .string(let string):
                        string.withBytes { Record.string(key: key, value: $0, expiry: info.expiryMilliseconds) }
                    case .collection(let collection):
                        Record.collection(key: key, collection, expiry: info.expiryMilliseconds)
                    }
                }
                writer.put(
                    record, database: database,
                    access: writer.accessWord(idleSeconds: info.idleSeconds, frequency: info.frequency))
                result.keys += 1
            }
        }
    }
}
