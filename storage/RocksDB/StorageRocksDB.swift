// StorageRocksDB: the provider for production, on RocksDB 7.8 through our C shim (`storage/RocksDBShim`).
//
// - One database, one column family, no write-ahead log: a confirmed batch is in a memtable, `flush` and `checkpoint`
//   make it durable, and what comes between is the journal's.
// - A read returns memory that RocksDB has pinned (a block of its cache, or a copy of a memtable's value); it is copied
//   once, into `SharedBytes`, and unpinned before the call returns. The pin belongs to the calling thread.
// - A batch crosses into C++ as one buffer.
// - Background errors are recorded by a listener on RocksDB's threads and polled here: no Swift code runs there.
import Bytes
import RocksDBShim
import Storage

extension StorageError {
    /// The error that `status` is; releases the status' message. `status` must not be a success.
    init(consuming status: firn_rocksdb_status) {
        let message = status.message.map { String(cString: $0) } ?? "RocksDB status \(status.code)"
        firn_rocksdb_free(status.message)
        self.init(StorageError.kind(code: status.code, subcode: status.subcode), message)
    }

    private static func kind(code: Int32, subcode: Int32) -> Kind {
        switch Int(code) {
        case FIRN_ROCKSDB_BAD_OPTION: .invalidOption
        case FIRN_ROCKSDB_LOCKED: .locked
        case FIRN_ROCKSDB_CORRUPTION: .corruption
        case FIRN_ROCKSDB_NOT_SUPPORTED: .incompatible
        default:
            switch Int(subcode) {
            case FIRN_ROCKSDB_SUB_NO_SPACE, FIRN_ROCKSDB_SUB_SPACE_LIMIT: .noSpace
            default: Int(code) == FIRN_ROCKSDB_IO_ERROR ? .inputOutput : .other
            }
        }
    }
}

/// Throws what `status` says unless it is a success.
func check(_ status: firn_rocksdb_status) throws(StorageError) {
    if status.code != 0 { throw StorageError(consuming: status) }
}

/// Whether `status` says that there is nothing; throws when it is an error.
@inline(__always)
func found(_ status: firn_rocksdb_status) throws(StorageError) -> Bool {
    if status.code == 0 { return true }
    if Int(status.code) == FIRN_ROCKSDB_NOT_FOUND { return false }
    throw StorageError(consuming: status)
}

extension firn_rocksdb_slice {
    init(_ slice: ByteSlice) { self.init(data: slice.base, count: slice.count) }

    /// The bytes, as long as the shim keeps them; nil where there is no value.
    var slice: ByteSlice? { data.map { ByteSlice(base: $0, count: count) } }
}
