import Bytes
import Glibc

/// Text appended to a file that others may move or remove meanwhile: a log.
public enum AppendingFile {
    /// Appends `bytes` to the file at `path`, creating it (mode 0644) if need be. Opens and closes it each time, so a
    /// log that was rotated away is begun anew. Returns 0 or an errno.
    public static func append(_ bytes: ByteSlice, path: String) -> Int32 {
        var file: Int32
        repeat { file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644) } while file < 0 && errno == EINTR
        guard file >= 0 else { return errno }
        defer { close(file) }
        return append(bytes, to: file)
    }

    /// Writes `bytes` to an open file (1: standard output). Returns 0 or an errno.
    public static func append(_ bytes: ByteSlice, to file: Int32) -> Int32 {
        var at = 0
        while at < bytes.count {
            let written = write(file, bytes.base + at, bytes.count - at)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            at += written
        }
        return 0
    }
}

extension Clock {
    /// Broken-down local time of a Unix time, for logs.
    public struct LocalTime: Sendable {
        public let year, month, day, hour, minute, second: Int
    }

    /// The local time at `unixSeconds`. Reads the time zone's file on first use.
    public static func localTime(unixSeconds: Int64) -> LocalTime {
        var seconds = time_t(unixSeconds)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return LocalTime(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }

    /// The kernel's id of this process.
    public static func processID() -> Int32 { getpid() }
}
