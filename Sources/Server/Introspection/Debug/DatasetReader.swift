import Bytes
import Keyspace
import Platform
import Storage
import Tiering
import Values

/// Reads records wherever they are, without bringing them into RAM: for what looks at the whole data set. Blocks on
/// the device; not on event loops.
struct DatasetReader: ~Copyable {
    private var keyspace: LockedKeyspace
    private var walker: Walker
    private let tier: Tier?
    private var scratch = ByteBuffer()
    /// Keys per step of a walk.
    private static let stepKeys = 512

    init(store: KeyspaceStore, tier: Tier?) {
        keyspace = LockedKeyspace(store: store, ledger: store.idleLedger)
        // Only looks: what is past due stays for others to delete and to count.
        keyspace.accessClock.suspendsExpiry = true
        walker = Walker(store: store, tier: tier)
        self.tier = tier
    }

    /// Calls `visit` with a copy of each record of a database, valid during the call. Keys that come and go meanwhile
    /// may or may not be among them; past-due ones are left out.
    mutating func forEach<E: Error>(
        database: Int, _ visit: (borrowing Record) throws(E) -> Void
    ) throws(DatasetReadError<E>) {
        var from: UInt64? = 0
        while let at = from {
            let step: WalkResult
            do {
                step = try walker.walk(
                    WalkRequest(database: database, from: at, count: Self.stepKeys), now: Clock.unixMilliseconds())
            } catch {
                throw .storage(error)
            }
            for key in step.keys {
                let record: Record?
                do { record = try fetch(key, database: database) } catch { throw .storage(error) }
                guard let record else { continue }
                defer { record.free() }
                do { try visit(record) } catch { throw .visitor(error) }
            }
            from = step.next
        }
    }

    /// A copy of the key's record, the caller's to free; nil if there is none.
    mutating func fetch(_ key: [UInt8], database: Int) throws(StorageError) -> Record? {
        // A record that moves between the tiers while it is looked for is found at the next try.
        for _ in 0..<100 {
            switch try look(key, database) {
            case .found(let record): return record
            case .none: return nil
            case .moving: continue
            }
        }
        throw StorageError(.other, "a record kept moving between the tiers")
    }

    private enum Look {
        case found(Record)
        case none
        case moving
    }

    /// The record with those of its pages that are only on flash.
    private func whole(_ record: Record, _ generation: UInt32) throws(StorageError) -> Look {
        guard let tier else { return .found(record) }
        var isWhole = false
        defer { if !isWhole { record.free() } }
        isWhole = try record.loadPages(generation: generation) { (name) throws(StorageError) -> SharedBytes? in
            guard case .found(let bytes) = try tier.readUntilServed(name) else { return nil }
            return bytes
        }
        // A page that isn't there: the collection has been deleted meanwhile.
        return isWhole ? .found(record) : .moving
    }

    private mutating func look(_ key: [UInt8], _ database: Int) throws(StorageError) -> Look {
        let position = key.withSlice { keyspace.store.placement.position(of: $0) }
        keyspace.lock(position.shard)
        let space = keyspace.store.space(ofDatabase: database)
        let generation = keyspace.store.generation(ofSpace: space)
        let (copy, isResident): (Record?, Bool) = key.withSlice { bytes in
            let ref = KeyRef(bytes: bytes, position: position, space: space)
            let record = keyspace.peek(ref)?.record
            return (record?.copy(key: bytes, expiry: record?.expiry), keyspace.isResident(ref))
        }
        let departures = key.withSlice { keyspace.departures(KeyRef(bytes: $0, position: position, space: space)) }
        keyspace.unlock(position.shard)
        if let copy { return try whole(copy, generation) }
        guard let tier, !isResident else { return .none }
        scratch.removeAll()
        key.withSlice { FlashKey.record(generation: generation, position: position, key: $0, into: &scratch) }
        if case .found(let bytes) = try tier.readUntilServed(scratch.slice) {
            guard let record = key.withSlice({ RecordEncoding.decode(key: $0, bytes.slice) }) else {
                throw StorageError(.corruption, "the record on flash is not in a known format")
            }
            return try whole(record, generation)
        }
        keyspace.lock(position.shard)
        defer { keyspace.unlock(position.shard) }
        let ref = key.withSlice { keyspace.departures(KeyRef(bytes: $0, position: position, space: space)) }
        return ref == departures ? .none : .moving
    }
}

/// Why a walk over the data set ended early.
enum DatasetReadError<E: Error>: Error {
    case storage(StorageError)
    case visitor(E)
}
