import Bytes
import Keyspace
import Platform

/// Why a data directory can't be used.
public enum DirectoryError: Error, Sendable, CustomStringConvertible {
    case system(SystemError)
    /// Another process has it.
    case locked(String)
    /// Not Firn's, or a newer version's.
    case foreign(String)
    case damagedSeal(String)
    /// Its server ended without a shutdown, and the configuration says to refuse.
    case unsealed(String)

    public var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .locked(let path): "\(path) is in use by another process"
        case .foreign(let reason): reason
        case .damagedSeal(let reason): "the seal can't be used: \(reason)"
        case .unsealed(let path):
            "\(path) was not sealed: its server ended without a shutdown, so how old its data is isn't certain. "
                + "Move it away, or set flash-unsealed to rename"
        }
    }
}

/// The flash directory, locked for this process.
public final class DataDirectory: Sendable {
    public let path: String
    /// Nil: it is only read, and a copy that has no lock file.
    private let lock: Lock?

    /// Holds the lock file open.
    private struct Lock: ~Copyable, Sendable {
        let file: File
    }

    public static let stamp = "firn flash directory, layout 1\n"

    /// What opening found.
    public enum Opened: Sendable {
        /// Nothing: a new data set.
        case new
        case sealed(Seal)
        /// The data of a server that ended without a shutdown, or with a damaged seal, was renamed to this path; a
        /// new data set.
        case setAside(String, reason: String)
    }

    /// The provider's folder.
    public var providerPath: String { path + "/rocksdb" }
    private var sealPath: String { path + "/SEAL" }
    private var warmUpPath: String { path + "/WARMUP" }

    /// Opens or makes the directory. `refusesUnsealed`: throw rather than set aside.
    public static func open(
        _ path: String, refusesUnsealed: Bool
    ) throws(DirectoryError) -> (directory: DataDirectory, found: Opened) {
        try explained {
            try makeDirectories(path)
            // What a fresh file system has at its root, and what a start that was cut short leaves.
            let names = try FileSystem.names(in: path).filter { $0 != "lost+found" && $0 != "FIRN.new" }
            if names.isEmpty {
                try write(Array(stamp.utf8), to: path + "/FIRN", in: path)
            } else if !names.contains("FIRN") {
                throw DirectoryError.foreign(
                    "\(path) is not empty and was not made by Firn (found \(names.prefix(3).joined(separator: ", ")))")
            }
            try checkStamp(path)
            let directory = DataDirectory(path: path, lock: try locked(path, .update))
            return (directory, try directory.examine(refusesUnsealed: refusesUnsealed))
        }
    }

    /// Calls `body` and says of what kind its error is.
    private static func explained<R>(_ body: () throws -> R) throws(DirectoryError) -> R {
        do {
            return try body()
        } catch let error as SystemError {
            throw .system(error)
        } catch let error as DirectoryError {
            throw error
        } catch {
            throw .foreign("\(error)")
        }
    }

    private static func checkStamp(_ path: String) throws {
        let found = try contents(path + "/FIRN")
        guard found == Array(stamp.utf8) else {
            throw DirectoryError.foreign(
                "\(path) has another layout: \(String(decoding: found.prefix(80), as: UTF8.self))")
        }
    }

    private static func locked(_ path: String, _ mode: File.Mode) throws -> Lock {
        let file = try File(path + "/LOCK", mode)
        guard try file.tryLock() else { throw DirectoryError.locked(path) }
        return Lock(file: file)
    }

    /// What a directory says of its data: the seal, or why there is none.
    public enum Found: Sendable {
        case sealed(Seal)
        case unsealed(reason: String)
    }

    /// Opens a directory to be read only, and changes nothing in it. No server may have it open. A copy may lack the
    /// lock file.
    public static func read(_ path: String) throws(DirectoryError) -> (directory: DataDirectory, found: Found) {
        try explained {
            guard FileSystem.exists(path + "/FIRN") else {
                throw DirectoryError.foreign("\(path) is no flash directory: it has no file FIRN")
            }
            try checkStamp(path)
            let hasLock = FileSystem.exists(path + "/LOCK")
            let directory = DataDirectory(path: path, lock: hasLock ? try locked(path, .read) : nil)
            return (directory, try directory.readSeal())
        }
    }

    /// A newer version's seal throws.
    private func readSeal() throws -> Found {
        guard FileSystem.exists(sealPath) else { return .unsealed(reason: "it was not sealed by a shutdown") }
        do {
            return .sealed(try Seal(try Self.contents(sealPath)))
        } catch let error as DirectoryError {
            guard case .damagedSeal = error else { throw error }
            return .unsealed(reason: "\(error)")
        }
    }

    private init(path: String, lock: consuming Lock?) {
        self.path = path
        self.lock = lock
    }

    private func examine(refusesUnsealed: Bool) throws -> Opened {
        guard FileSystem.exists(providerPath) else {
            try FileSystem.remove(sealPath)
            try FileSystem.remove(warmUpPath)
            return .new
        }
        switch try readSeal() {
        case .sealed(let seal): return .sealed(seal)
        case .unsealed(let reason):
            if refusesUnsealed { throw DirectoryError.unsealed(path) }
            let target = Self.unused(providerPath + ".unsealed-\(Clock.unixMilliseconds() / 1_000)")
            try FileSystem.rename(providerPath, to: target)
            try FileSystem.remove(sealPath)
            try FileSystem.remove(warmUpPath)
            try File(path, .directory).sync()
            return .setAside(target, reason: reason)
        }
    }

    private static func unused(_ path: String) -> String {
        var candidate = path
        var number = 1
        while FileSystem.exists(candidate) {
            number += 1
            candidate = "\(path)-\(number)"
        }
        return candidate
    }

    /// Removes the seal, durably: the data is about to change.
    public func unseal() throws(DirectoryError) {
        do {
            try FileSystem.remove(sealPath)
            try File(path, .directory).sync()
        } catch {
            throw .system(error)
        }
    }

    /// Writes the seal, durably: temporary file, fsync, rename, fsync of the directory.
    public func seal(_ seal: Seal) throws(DirectoryError) {
        do {
            try Self.write(seal.encoded(), to: sealPath, in: path)
        } catch {
            throw .system(error)
        }
    }

    /// Writes the list of hot keys, durably. `seed`: the placement's; `body` adds the keys.
    /// Returns how many it has.
    public func writeWarmUpList(
        seed: (UInt64, UInt64), _ body: (inout WarmUpList.Writer) throws -> Void
    ) throws -> Int {
        let temporary = warmUpPath + ".new"
        let keys: Int
        do {
            var writer = try WarmUpList.Writer(temporary, seed: seed)
            try body(&writer)
            try writer.finish()
            keys = writer.keys
        } catch {
            // What is half written must not take the room that the seal may need.
            try? FileSystem.remove(temporary)
            throw error
        }
        try FileSystem.rename(temporary, to: warmUpPath)
        try File(path, .directory).sync()
        return keys
    }

    public func removeWarmUpList() throws(SystemError) { try FileSystem.remove(warmUpPath) }

    /// Opens the list of hot keys of the data set whose placement has this seed; nil if there is none. Throws if it
    /// can't be read or is damaged.
    public func warmUpList(seed: (UInt64, UInt64)) throws -> HotKeyList? {
        guard FileSystem.exists(warmUpPath) else { return nil }
        return try WarmUpList.Reader(warmUpPath, seed: seed)?.list
    }

    private static func write(_ bytes: [UInt8], to path: String, in directory: String) throws(SystemError) {
        let temporary = path + ".new"
        do {
            let file = try File(temporary, .create)
            try bytes.withSlice { (slice) throws(SystemError) in
                try file.write(UnsafeRawBufferPointer(start: slice.base, count: slice.count))
            }
            try file.sync()
        }
        try FileSystem.rename(temporary, to: path)
        try File(directory, .directory).sync()
    }

    private static func contents(_ path: String) throws(SystemError) -> [UInt8] {
        let file = try File(path, .read)
        let size = try file.size()
        var buffer = ByteBuffer(capacity: max(size, 1))
        let room = buffer.writableTail(size)
        buffer.didAppend(try file.read(into: UnsafeMutableRawBufferPointer(start: room.baseAddress, count: size)))
        return buffer.slice.array
    }

    private static func makeDirectories(_ path: String) throws(SystemError) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: true) {
            made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/" + part
            try FileSystem.makeDirectory(made)
        }
    }
}
