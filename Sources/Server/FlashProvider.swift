import Configuration
import Storage
import Tiering

#if FIRN_ROCKSDB
    import StorageRocksDB
#endif

/// The engine under the flash tier: the only place of the server that knows which one it is.
///
/// A build for the thread sanitizer has none, for it can't see into Debian's RocksDB and would report what is guarded
/// there; such a server's tier is given to it by a test, over a provider in memory.
enum FlashProvider {
    #if FIRN_ROCKSDB
        /// Refuses options that can't work, before anything on disk changes.
        static func validate(_ settings: Settings, _ budget: MemoryBudget) throws {
            try RocksDBProvider.validate(RocksDBOptions(settings, budget: budget))
        }

        static func open(_ path: String, _ settings: Settings, _ budget: MemoryBudget) throws -> any StorageProvider {
            try RocksDBProvider(directory: path, options: RocksDBOptions(settings, budget: budget))
        }
    #else
        static func validate(_ settings: Settings, _ budget: MemoryBudget) throws {
            throw StartupError("this build has no engine for a flash tier")
        }

        static func open(_ path: String, _ settings: Settings, _ budget: MemoryBudget) throws -> any StorageProvider {
            throw StartupError("this build has no engine for a flash tier")
        }
    #endif
}

#if FIRN_ROCKSDB
    extension RocksDBOptions {
        init(_ settings: Settings, budget: MemoryBudget) {
            self.init()
            blockCacheBytes = UInt64(budget.blockCache)
            memtableBytes = UInt64(budget.memtables)
            compression = settings.flash.compression.rawValue
            directReads = settings.flash.directReads
            ioLimitBytesPerSecond = UInt64(settings.flash.backgroundBytesPerSecond)
            deleteRateBytesPerSecond = UInt64(settings.flash.deleteBytesPerSecond)
            userOptions = settings.flash.providerOptions
        }
    }
#endif
