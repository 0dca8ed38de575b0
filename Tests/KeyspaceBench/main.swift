// keyspace-bench: what the keyspace costs by itself, without sockets or commands.
//
//   keyspace-bench time             nanoseconds per find, overwrite, insert and delete at 10,000 keys per shard
//   keyspace-bench memory MILLIONS  bytes of resident memory per key: 16-byte keys, 32-byte values
//
// Run one measurement per process: freed memory stays with the allocator.
import Bytes
import CShims
import Glibc
import Keyspace
import Platform
import Values

/// Resident bytes of this process.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return 0 }
    let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(separator: " ")
    return (Int(fields[1]) ?? 0) * 4_096
}

struct Subject: ~Copyable {
    let store = KeyspaceStore(databases: 1, placement: Placement(seed: SipHash(k0: 11, k1: 12)), hasProvider: true)
    var keys: LockedKeyspace
    let key = ByteBlock(16)
    let value = ByteBlock(32)

    init() { keys = LockedKeyspace(store: store, ledger: store.makeLedger()) }

    /// "key:" and twelve digits.
    @inline(__always)
    func name(_ number: Int) -> ByteSlice {
        var rest = number
        for place in stride(from: 15, through: 4, by: -1) {
            key.base[place] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        return ByteSlice(base: key.base, count: 16)
    }

    mutating func set(_ number: Int) {
        let ref = keys.ref(name(number), database: 0)
        keys.lock(ref.position.shard)
        keys.set(ref, Record.string(key: ref.bytes, value: ByteSlice(base: value.base, count: 32), expiry: nil))
        keys.unlock(ref.position.shard)
    }

    mutating func find(_ number: Int) -> Int {
        let ref = keys.ref(name(number), database: 0)
        keys.lock(ref.position.shard)
        defer { keys.unlock(ref.position.shard) }
        return keys.read(ref)?.record.stringLength ?? 0
    }

    mutating func delete(_ number: Int) {
        let ref = keys.ref(name(number), database: 0)
        keys.lock(ref.position.shard)
        keys.delete(ref)
        keys.unlock(ref.position.shard)
    }
}

/// Bytes that live as long as the process.
struct ByteBlock {
    let base: UnsafeMutablePointer<UInt8>
    init(_ count: Int) {
        base = .allocate(capacity: count)
        base.initialize(repeating: 0x6b, count: count)
    }
}

func measure(_ what: String, _ count: Int, _ body: () -> Void) {
    let begun = Clock.monotonicNanoseconds()
    body()
    print("\(what): \((Clock.monotonicNanoseconds() - begun) / Int64(count)) ns")
}

let arguments = CommandLine.arguments
var subject = Subject()
if arguments.count == 2, arguments[1] == "time" {
    let count = Position.shardCount * 10_000
    measure("insert (\(count) keys)", count) { for number in 0..<count { subject.set(number) } }
    var random = RandomSource(seed: 1)
    let calls = 5_000_000
    var sum = 0
    measure("find, random", calls) { for _ in 0..<calls { sum += subject.find(random.index(below: count)) } }
    measure("find, absent", calls) { for _ in 0..<calls { sum += subject.find(count + random.index(below: count)) } }
    measure("find, among 100,000", calls) { for _ in 0..<calls { sum += subject.find(random.index(below: 100_000)) } }
    measure("overwrite, random", calls) { for _ in 0..<calls { subject.set(random.index(below: count)) } }
    measure("the name and the draw alone", calls) {
        for _ in 0..<calls { sum += Int(subject.name(random.index(below: count))[15]) }
    }
    measure("delete (half of the keys)", count / 2) { for number in 0..<count / 2 { subject.delete(number * 2) } }
    print("checksum \(sum)")
} else if arguments.count == 3, arguments[1] == "memory", let millions = Double(arguments[2]) {
    let count = Int(millions * 1e6)
    let before = residentBytes()
    for number in 0..<count { subject.set(number) }
    let grown = residentBytes() - before
    print(
        "\(millions) million: \(Double(grown) / Double(count)) bytes of RSS per key, "
            + "\(Double(subject.store.memoryBytes) / Double(count)) by the ledger")
} else {
    print("usage: keyspace-bench time | memory MILLIONS")
}
