import CShims
import Testing

@Suite struct AllocationTests {
    /// What we compute is what jemalloc does; where it is left out, `firn_allocate` asks for what we compute.
    @Test func sizesAreThoseOfTheAllocator() {
        let small = Array(1...20_000)
        // Around each of the larger classes.
        let large = (14..<27).flatMap { power in
            (4...8).flatMap { fourths in [-1, 0, 1].map { (1 << power) / 4 * fourths + $0 } }
        }
        for size in small + large {
            let block = firn_allocate(size)
            let bytes = firn_block_size(block)
            firn_deallocate(block, size)
            guard String(cString: firn_allocator_name()) == "libc" else {
                #expect(bytes == firn_allocation_size(size), "\(size) bytes")
                continue
            }
            #expect(bytes >= firn_allocation_size(size), "\(size) bytes")
        }
    }
}
