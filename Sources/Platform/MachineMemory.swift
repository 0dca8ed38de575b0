import Glibc

/// How much memory this process may use.
public enum MachineMemory {
    /// Physical memory, or the limit of the memory control group (version 1 or 2) if that is less. Bytes.
    public static func limitBytes() -> Int {
        let physical = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap(number)
        return limits.reduce(physical, min)
    }

    /// Physical memory in bytes.
    public static func physicalBytes() -> Int { sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) }

    /// The number in a file of the kernel's; nil if there is none ("max").
    private static func number(_ path: String) -> Int? {
        guard let file = try? File(path, .read) else { return nil }
        var text = [UInt8](repeating: 0, count: 64)
        guard let count = try? text.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return Int(String(decoding: text.prefix(count), as: UTF8.self).prefix { $0.isNumber })
    }

    /// Resident memory of this process in bytes (0 if the kernel doesn't say).
    public static func residentBytes() -> Int {
        guard let file = try? File("/proc/self/statm", .read) else { return 0 }
        var text = [UInt8](repeating: 0, count: 128)
        guard let count = try? text.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return 0 }
        let words = String(decoding: text.prefix(count), as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
