import CShims
import Glibc

/// An open file or directory, closed when the value goes away. Short writes and reads are completed, EINTR retried.
public struct File: ~Copyable, Sendable {
    public let descriptor: Int32
    public let path: String

    public enum Mode: Sendable {
        case read
        /// Created or emptied.
        case create
        /// Created if missing; every write goes to the end.
        case append
        /// Created if missing; read and written in place.
        case update
        case directory
    }

    public init(_ path: String, _ mode: Mode, permissions: UInt32 = 0o644) throws(SystemError) {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .create: O_WRONLY | O_CREAT | O_TRUNC
            case .append: O_WRONLY | O_CREAT | O_APPEND
            case .update: O_RDWR | O_CREAT
            case .directory: O_RDONLY | O_DIRECTORY
            }
        let fd = retrying { Glibc.open(path, flags | O_CLOEXEC, mode_t(permissions)) }
        if fd < 0 { throw SystemError("open", path) }
        descriptor = fd
        self.path = path
    }

    deinit { _ = Glibc.close(descriptor) }

    /// Writes all of `bytes` at the current position.
    public borrowing func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let n = retrying { Glibc.write(descriptor, base + done, bytes.count - done) }
            if n < 0 { throw SystemError("write", path) }
            done += n
        }
    }

    /// Writes all of `bytes` at `offset`.
    public borrowing func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let n = retrying { pwrite(descriptor, base + done, bytes.count - done, offset + done) }
            if n < 0 { throw SystemError("pwrite", path) }
            done += n
        }
    }

    /// Reads at the current position until `room` is full or the file ends; the number of bytes read.
    public borrowing func read(into room: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        var done = 0
        while done < room.count, let base = room.baseAddress {
            let n = retrying { Glibc.read(descriptor, base + done, room.count - done) }
            if n < 0 { throw SystemError("read", path) }
            if n == 0 { break }
            done += n
        }
        return done
    }

    /// Reads at `offset` until `room` is full or the file ends; the number of bytes read.
    public borrowing func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        var done = 0
        while done < room.count, let base = room.baseAddress {
            let n = retrying { pread(descriptor, base + done, room.count - done, offset + done) }
            if n < 0 { throw SystemError("pread", path) }
            if n == 0 { break }
            done += n
        }
        return done
    }

    /// Contents and metadata on the device. For a directory: its entries.
    public borrowing func sync() throws(SystemError) {
        if retrying({ fsync(descriptor) }) != 0 { throw SystemError("fsync", path) }
    }

    /// Contents (and the size) on the device.
    public borrowing func syncData() throws(SystemError) {
        if retrying({ fdatasync(descriptor) }) != 0 { throw SystemError("fdatasync", path) }
    }

    public borrowing func truncate(to size: Int) throws(SystemError) {
        if retrying({ ftruncate(descriptor, size) }) != 0 { throw SystemError("ftruncate", path) }
    }

    /// Bytes in the file.
    public borrowing func size() throws(SystemError) -> Int {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw SystemError("fstat", path) }
        return Int(status.st_size)
    }

    /// Takes the file's exclusive lock; false if another process holds it.
    public borrowing func tryLock() throws(SystemError) -> Bool {
        if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw SystemError("flock", path)
    }
}

/// Names in the file system.
public enum FileSystem {
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Renames, replacing what is at `target`.
    public static func rename(_ path: String, to target: String) throws(SystemError) {
        if Glibc.rename(path, target) != 0 { throw SystemError("rename", "\(path) to \(target)") }
    }

    /// Removes a file; a missing one is no error.
    public static func remove(_ path: String) throws(SystemError) {
        if unlink(path) != 0, errno != ENOENT { throw SystemError("unlink", path) }
    }

    /// Makes a directory; one that is there is no error.
    public static func makeDirectory(_ path: String) throws(SystemError) {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw SystemError("mkdir", path) }
    }

    public static func removeDirectory(_ path: String) throws(SystemError) {
        if rmdir(path) != 0, errno != ENOENT { throw SystemError("rmdir", path) }
    }

    public static func link(_ path: String, to target: String) throws(SystemError) {
        if Glibc.link(path, target) != 0 { throw SystemError("link", "\(path) to \(target)") }
    }

    /// The names in a directory without `.` and `..`, sorted.
    public static func names(in path: String) throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw SystemError("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // d_name is a C string in place, valid until the next readdir.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// Calls again as long as a signal interrupts.
@inline(__always)
private func retrying<N: FixedWidthInteger>(_ call: () -> N) -> N {
    while true {
        let n = call()
        if n != -1 || errno != EINTR { return n }
    }
}
