import Bytes
import Values

/// The elements of a SORT on their way into order: a line of 16 bytes for each, that sorts without looking elsewhere
/// but for ties.
struct SortLines: ~Copyable {
    struct Line {
        /// A weight's bits, or where a text begins.
        var bits: UInt64 = 0
        /// Number of the element.
        let element: UInt32
        /// Bytes of the text; -1: there is none, which comes before all texts.
        var count: Int32 = 0

        var weight: Double { Double(bitPattern: bits) }
    }
    let elements: [Listpack.Item]
    private var lines: [Line] = []
    /// Texts to compare.
    private var texts = ByteBuffer()

    var count: Int { elements.count }

    /// The elements' weights or texts must follow in the same order.
    init(_ elements: [Listpack.Item]) {
        self.elements = elements
        lines.reserveCapacity(elements.count)
    }

    mutating func append(weight: Double) {
        lines.append(Line(bits: weight.bitPattern, element: UInt32(lines.count)))
    }

    /// `text` nil: there is none. `isCollated`: as strcoll reads texts, which end with a NUL byte.
    mutating func append(text: ByteSlice?, isCollated: Bool) {
        var line = Line(bits: UInt64(texts.count), element: UInt32(lines.count), count: -1)
        if let text {
            let end = isCollated ? text.firstIndex(of: 0) ?? text.count : text.count
            texts.append(text.prefix(end))
            line.count = Int32(end)
        }
        lines.append(line)
    }

    // MARK: Order

    /// The numbers of the elements that come at the places `window`. Those that compare the same stay in their order.
    mutating func sorted(_ window: Range<Int>, isAlphabetic: Bool, isDescending: Bool) -> [Int] {
        let elements = self.elements
        let texts = self.texts.slice
        switch (isAlphabetic, isDescending) {
        case (false, false):
            arrange(window) { left, right in
                left.weight != right.weight
                    ? left.weight < right.weight : Self.tie(left, right, elements, isDescending: false)
            }
        case (false, true):
            arrange(window) { left, right in
                left.weight != right.weight
                    ? left.weight > right.weight : Self.tie(left, right, elements, isDescending: true)
            }
        case (true, false):
            arrange(window) { left, right in
                let order = Self.compare(left, right, texts)
                return order != 0 ? order < 0 : left.element < right.element
            }
        case (true, true):
            arrange(window) { left, right in
                let order = Self.compare(left, right, texts)
                return order != 0 ? order > 0 : left.element < right.element
            }
        }
        return window.map { Int(lines[$0].element) }
    }

    private static func compare(_ left: Line, _ right: Line, _ texts: ByteSlice) -> Int {
        guard left.count >= 0, right.count >= 0 else { return Int(left.count.signum() - right.count.signum()) }
        return texts[Int(left.bits)..<Int(left.bits) + Int(left.count)]
            .compare(texts[Int(right.bits)..<Int(right.bits) + Int(right.count)])
    }

    /// Elements of the same weight come in the order of their bytes.
    private static func tie(
        _ left: Line, _ right: Line, _ elements: [Listpack.Item], isDescending: Bool
    ) -> Bool {
        let order = elements[Int(left.element)].withBytes { text in
            elements[Int(right.element)].withBytes { text.compare($0) }
        }
        if order == 0 { return left.element < right.element }
        return isDescending ? order > 0 : order < 0
    }

    /// Puts the lines that belong at the places `window` there. Where only few from the beginning are wanted, these are
    /// picked: O(n log k) for k of n.
    private mutating func arrange(_ window: Range<Int>, _ isBefore: (Line, Line) -> Bool) {
        let wanted = window.upperBound
        guard wanted < lines.count / 8 else { return lines.sort(by: isBefore) }
        guard wanted > 0 else { return }
        // The best so far, the worst of them first: a heap.
        for index in stride(from: wanted / 2 - 1, through: 0, by: -1) { sink(index, below: wanted, isBefore) }
        for index in wanted..<lines.count where isBefore(lines[index], lines[0]) {
            lines.swapAt(index, 0)
            sink(0, below: wanted, isBefore)
        }
        lines.removeLast(lines.count - wanted)
        lines.sort(by: isBefore)
    }

    private mutating func sink(_ start: Int, below end: Int, _ isBefore: (Line, Line) -> Bool) {
        var at = start
        while 2 * at + 1 < end {
            var child = 2 * at + 1
            if child + 1 < end, isBefore(lines[child], lines[child + 1]) { child += 1 }
            guard isBefore(lines[at], lines[child]) else { return }
            lines.swapAt(at, child)
            at = child
        }
    }
}
