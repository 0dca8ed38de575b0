import Platform

/// What the kernel says about this process' pages.
enum ProcessMemory {
    /// Bytes in transparent huge pages; 0 if the kernel doesn't say.
    static func hugePageBytes() -> Int {
        guard let file = try? File("/proc/self/smaps_rollup", .read) else { return 0 }
        var text = [UInt8](repeating: 0, count: 4096)
        // The kernel may refuse to read it; then nothing is known.
        guard let count = try? text.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return 0 }
        for line in String(decoding: text.prefix(count), as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("AnonHugePages:") {
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            return (kibibytes ?? 0) * 1024
        }
        return 0
    }
}
