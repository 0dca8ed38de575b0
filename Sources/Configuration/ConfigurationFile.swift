import Glibc

/// The file system as the configuration sees it: the only place of this module that calls the kernel.
enum ConfigurationFile {
    /// A failed call, in the system's words.
    struct Failure: Error {
        let number: Int32
        // strerror's answer for a known number is a constant.
        var text: String { String(cString: strerror(number)) }
        /// Whether the file was not there.
        var isAbsence: Bool { number == ENOENT }
    }

    /// Far more than any configuration: what is larger is not one.
    static let limitBytes = 64 << 20

    /// The whole file; what standard input holds with `path` nil. Fails with EFBIG above `limitBytes`.
    static func read(_ path: String?) throws(Failure) -> [UInt8] {
        var file: Int32 = 0
        if let path {
            file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw Failure(number: errno) }
        }
        defer { if path != nil { close(file) } }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(number: errno)
            }
            if count == 0 { return content }
            content += chunk[..<count]
            guard content.count <= limitBytes else { throw Failure(number: EFBIG) }
        }
    }

    /// The files that match a pattern, in alphabetical order; none is no error.
    static func matches(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in found.gl_pathv[index].map { String(cString: $0) } }
    }

    /// The absolute path of something that exists, links followed.
    static func absolute(_ path: String) throws(Failure) -> String {
        guard let resolved = realpath(path, nil) else { throw Failure(number: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The absolute path of a directory that could become the working directory.
    static func directory(_ path: String) throws(Failure) -> String {
        let path = try absolute(path)
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure(number: errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw Failure(number: ENOTDIR) }
        guard access(path, X_OK) == 0 else { throw Failure(number: errno) }
        return path
    }

    /// Replaces the file at `path` (absolute) as a whole: after a crash it has the old or the new content.
    static func replace(_ path: String, with content: [UInt8]) throws(Failure) {
        var status = stat()
        // The file may hold a password: its mode stays as the administrator set it.
        let mode = stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o644
        var template = Array("\(path).XXXXXX".utf8CString)
        // (Glibc's module does not show mkostemp; the server does not fork, so nothing inherits the descriptor.)
        let file = mkstemp(&template)
        guard file >= 0 else { throw Failure(number: errno) }
        let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(Failure) {
            try write(content, to: file)
            guard fchmod(file, mode) == 0, fsync(file) == 0 else { throw Failure(number: errno) }
            guard rename(temporary, path) == 0 else { throw Failure(number: errno) }
        } catch {
            close(file)
            unlink(temporary)
            throw error
        }
        close(file)
        try syncDirectory(of: path)
    }

    private static func write(_ content: [UInt8], to file: Int32) throws(Failure) {
        var done = 0
        while done < content.count {
            let count = content.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                return Glibc.write(file, rest.baseAddress, rest.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(number: errno)
            }
            done += count
        }
    }

    private static func syncDirectory(of path: String) throws(Failure) {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Failure(number: errno) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Failure(number: errno) }
    }
}
